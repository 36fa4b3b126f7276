package io.github.baichuanreward.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.PromptAnswer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The demo model and the example questions and answers that come with the application.
 *
 * <p>Both lie in the folder {@code demo-model} of the application's directory, which the launcher
 * names in the property {@code reward.home}.
 */
final class Examples {

    private Examples() {}

    /** The directory of the demo model. */
    static Path demoModel() {
        return home().resolve("model");
    }

    /** The examples in order; answers to one question stand one after another. */
    static List<PromptAnswer> read() throws IOException {
        Path file = home().resolve("expected.json");
        List<PromptAnswer> examples = new ArrayList<>();
        for (JsonNode example : new ObjectMapper().readTree(file.toFile()).path("cases")) {
            examples.add(
                    new PromptAnswer(
                            example.path("prompt").asText(), example.path("answer").asText()));
        }
        return examples;
    }

    private static Path home() {
        Path home = Path.of(System.getProperty("reward.home", "."), "demo-model");
        if (!Files.isDirectory(home)) {
            throw new FailureException(
                    "the examples are not at "
                            + home.toAbsolutePath()
                            + "; start the program with ./reward, or give --model_name_or_path with"
                            + " --prompt or --input");
        }
        return home;
    }
}
