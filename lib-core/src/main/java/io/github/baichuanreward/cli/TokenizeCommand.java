package io.github.baichuanreward.cli;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.ScoringOptions;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowReader;
import io.github.baichuanreward.rows.RowWriter;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code reward tokenize}: the token ids of texts, or those that {@code score} would use. */
@Command(
        name = "tokenize",
        sortOptions = false,
        customSynopsis = "reward tokenize --model_name_or_path DIR --input FILE [--output FILE]",
        description = {
            "Turns texts into token ids; needs nothing of a model but its tokenizer.model.",
            "",
            "Rows {\"text\": ...} get \"ids\": what the tokenizer itself makes of the text, without a"
                    + " template and with role tokens recognised.",
            "Rows {\"prompt\": ..., \"answer\": ...}, with \"history\" where there is one, get"
                    + " \"input_ids\", exactly the ids that score would use, and \"pieces\", the"
                    + " same as text.",
            ""
        })
final class TokenizeCommand implements Callable<Integer> {

    @Option(
            names = {"--model_name_or_path", "--model"},
            order = -10,
            paramLabel = "DIR",
            required = true,
            description = "Directory with tokenizer.model.")
    private @Nullable Path model;

    @Mixin private final TextOptions text = new TextOptions();
    @Mixin private final FileOptions files = new FileOptions();
    @Mixin private final CommonOptions common = new CommonOptions();

    private final Streams streams;

    TokenizeCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        common.configureLogging();
        files.check();
        text.check();
        if (model == null || !files.hasInput()) {
            throw new UsageException("--input is missing: a file of rows, or - for standard input");
        }
        try (RowReader reader = files.openInput(streams);
                Tokenizer tokenizer = Tokenizer.load(model.resolve("tokenizer.model"));
                RowWriter writer = files.openOutput(streams)) {
            tokenizeAll(writer, reader, tokenizer);
        }
        return 0;
    }

    private void tokenizeAll(RowWriter writer, RowReader reader, Tokenizer tokenizer)
            throws IOException {
        long rows = 0;
        try {
            for (Row row = reader.next(); row != null; row = reader.next()) {
                writer.write(row, tokens(row, tokenizer));
                writer.flush();
                rows++;
            }
        } catch (RowException e) {
            throw files.failure(e, rows);
        }
    }

    private Map<String, String> tokens(Row row, Tokenizer tokenizer) throws RowException {
        if (!row.has("text") && !row.has("prompt") && !row.has("answer")) {
            throw row.needs("\"text\", or \"prompt\" and \"answer\"");
        }
        Map<String, String> fields = new LinkedHashMap<>();
        try {
            if (row.has("text")) {
                int[] ids = tokenizer.encodeUnprotected(row.string("text"));
                fields.put("ids", Arrays.toString(ids));
            }
            if (row.has("prompt") || row.has("answer")) {
                int[] ids = encode(row.promptAnswer(), tokenizer);
                fields.put("input_ids", Arrays.toString(ids));
                fields.put("pieces", pieces(ids, tokenizer));
            }
        } catch (IllegalArgumentException e) {
            throw new RowException(row.line(), String.valueOf(e.getMessage()), e);
        }
        return fields;
    }

    private int[] encode(PromptAnswer item, Tokenizer tokenizer) {
        List<String> dialogue = new ArrayList<>();
        for (PromptAnswer.Turn turn : item.history()) {
            dialogue.add(turn.prompt());
            dialogue.add(turn.answer());
        }
        dialogue.add(item.prompt());
        ScoringOptions scoring = text.scoring();
        return scoring.template()
                .encode(
                        tokenizer,
                        dialogue,
                        item.answer(),
                        scoring.maxSourceLength(),
                        scoring.maxTargetLength())
                .ids();
    }

    private static String pieces(int[] ids, Tokenizer tokenizer) {
        return Arrays.stream(ids)
                .mapToObj(id -> JsonRow.quote(tokenizer.piece(id)))
                .collect(Collectors.joining(", ", "[", "]"));
    }
}
