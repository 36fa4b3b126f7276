package io.github.baichuanreward.benchmarks.results;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.stream.Collectors;

/**
 * When, of what and on what a result was measured: the block {@code json} in its file.
 *
 * @param date as in the file's name
 * @param commit what was measured
 * @param machine GPU with its driver, processor, cores, memory, system
 * @param versions of Java and of what else took part
 */
public record Run(String date, String commit, String machine, List<String> versions) {

    private static final ObjectMapper JSON =
            new ObjectMapper()
                    .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                    .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);

    /** Reads what stands between the fences. */
    static Run of(String json) {
        Run run;
        try {
            run = JSON.readValue(json, Run.class);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "its block ```json is not date, commit, machine and versions: "
                            + e.getOriginalMessage(),
                    e);
        }
        if (!run.commit().matches("[0-9a-f]{7,40}(-dirty)?")) {
            throw new IllegalArgumentException("its block says commit " + run.commit());
        }
        return run;
    }

    /** The block with its fences, as {@code benchmarks/about} prints it. */
    public String block() {
        return """
        ```json
        {
          "date": %s,
          "commit": %s,
          "machine": %s,
          "versions": [
            %s
          ]
        }
        ```
        """
                .formatted(
                        quoted(date),
                        quoted(commit),
                        quoted(machine),
                        versions.stream().map(Run::quoted).collect(Collectors.joining(",\n    ")));
    }

    private static String quoted(String text) {
        try {
            return JSON.writeValueAsString(text);
        } catch (JsonProcessingException e) {
            throw new AssertionError("any text can be written", e);
        }
    }
}
