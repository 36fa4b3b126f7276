package io.github.baichuanreward.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** A streaming JSON parser for headers that nobody has vouched for. */
final class StrictJson {
    /** Headers nest three deep, and leave room for keys of later versions that are skipped. */
    private static final int MAX_NESTING = 16;

    /**
     * About 20 for each of the most tensors that one file may have. Without a limit the parser's
     * list of the keys that it has seen could take gigabytes.
     */
    static final int MAX_TOKENS = 2_500_000;

    private static final int MAX_REASON = 300;

    private static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(MAX_NESTING)
                                    .maxTokenCount(MAX_TOKENS)
                                    .build())
                    // A table of names gains nothing where every name is new, and fails with an
                    // unchecked exception when
                    // somebody chooses names that collide in it.
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .build();

    private StrictJson() {}

    /**
     * A parser of UTF-8 and nothing else: malformed bytes are an {@link IOException} when they are
     * reached, and other encodings are not guessed.
     *
     * @param json backed by an array
     */
    static JsonParser parser(ByteBuffer json) throws IOException {
        var bytes =
                new ByteArrayInputStream(
                        json.array(), json.arrayOffset() + json.position(), json.remaining());
        var decoder =
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT);
        return FACTORY.createParser(new InputStreamReader(bytes, decoder));
    }

    /**
     * The parser's complaint in one line of bounded length: it repeats names from the file as they
     * are.
     */
    static String reason(JsonProcessingException e) {
        String line = e.getOriginalMessage().replaceAll("[\\p{Cc}\\p{Cf}]", " ");
        return line.length() > MAX_REASON ? line.substring(0, MAX_REASON) + "..." : line;
    }
}
