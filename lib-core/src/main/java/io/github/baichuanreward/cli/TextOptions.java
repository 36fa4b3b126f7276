package io.github.baichuanreward.cli;

import io.github.baichuanreward.ScoringOptions;
import io.github.baichuanreward.text.PromptTemplate;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How prompts and answers become token ids. */
final class TextOptions {

    @Option(
            names = "--template",
            paramLabel = "NAME",
            converter = TemplateConverter.class,
            description =
                    "How prompt and answer become one text: default, baichuan, baichuan2, vanilla or"
                            + " raw (default: default, which most reward models were trained with).")
    private PromptTemplate template = PromptTemplate.DEFAULT;

    @Option(
            names = "--max_source_length",
            paramLabel = "N",
            converter = PositiveConverter.class,
            description =
                    "Cut the prompt to N token ids (default: never cut, too long is an error; eval cuts"
                            + " to 512).")
    private @Nullable Integer maxSourceLength;

    @Option(
            names = "--max_target_length",
            paramLabel = "N",
            converter = PositiveConverter.class,
            description =
                    "Cut the answer to N token ids, at least 2, the final one included"
                            + " (default: never cut; eval cuts to 512).")
    private @Nullable Integer maxTargetLength;

    /**
     * Checks the limits before anything costly begins.
     *
     * @throws UsageException if they cannot be, or not with this template
     */
    void check() {
        if (maxTargetLength != null && maxTargetLength < 2) {
            throw new UsageException(
                    "--max_target_length must be at least 2: one token of the answer and the final"
                            + " one");
        }
        boolean cuts = maxSourceLength != null || maxTargetLength != null;
        if (template == PromptTemplate.RAW && cuts) {
            throw new UsageException(
                    "--template raw encodes prompt and answer as one text, and takes neither"
                            + " --max_source_length nor --max_target_length");
        }
    }

    ScoringOptions scoring() {
        return scoring(ScoringOptions.UNLIMITED);
    }

    /**
     * How texts become ids.
     *
     * @param length what prompts and answers are cut to unless the options say otherwise, where the
     *     template has a place to cut
     */
    ScoringOptions scoring(int length) {
        int usual = template == PromptTemplate.RAW ? ScoringOptions.UNLIMITED : length;
        return ScoringOptions.defaults()
                .withTemplate(template)
                .withMaxSourceLength(Objects.requireNonNullElse(maxSourceLength, usual))
                .withMaxTargetLength(Objects.requireNonNullElse(maxTargetLength, usual));
    }

    /** The options by name, for people. */
    static Map<String, String> values(ScoringOptions scoring) {
        Map<String, String> values = new LinkedHashMap<>();
        values.put("--template", scoring.template().name().toLowerCase(Locale.ROOT));
        values.put("--max_source_length", limit(scoring.maxSourceLength()));
        values.put("--max_target_length", limit(scoring.maxTargetLength()));
        return values;
    }

    private static String limit(int length) {
        return length == ScoringOptions.UNLIMITED ? "unlimited" : Integer.toString(length);
    }

    /** Names of templates, as {@link PromptTemplate#named} knows them. */
    static final class TemplateConverter implements ITypeConverter<PromptTemplate> {
        @Override
        public PromptTemplate convert(String name) {
            try {
                return PromptTemplate.named(name.toLowerCase(Locale.ROOT));
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(String.valueOf(e.getMessage()));
            }
        }
    }

    /** Whole numbers from 1. */
    static final class PositiveConverter implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            try {
                int value = Integer.parseInt(text);
                if (value >= 1) {
                    return value;
                }
            } catch (NumberFormatException e) {
                throw new TypeConversionException("'" + text + "' is not a whole number from 1");
            }
            throw new TypeConversionException("'" + text + "' is not a whole number from 1");
        }
    }
}
