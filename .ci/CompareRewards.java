import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Compares the rewards of {@code ./reward score --output -} with those that the demo model should give.
 *
 * <p>Arguments: the file of scored rows, and {@code expected.json}. Exit status 1 if any row differs.
 */
final class CompareRewards {

    private static final double TOLERANCE = 2e-5;

    public static void main(String[] args) throws IOException {
        ObjectMapper json = new ObjectMapper();
        List<String> rows = Files.readAllLines(Path.of(args[0]));
        JsonNode cases = json.readTree(Path.of(args[1]).toFile()).path("cases");
        if (cases.isEmpty() || rows.size() != cases.size()) {
            fail(rows.size() + " rows for " + cases.size() + " cases of " + args[1]);
        }
        double largest = 0;
        for (int i = 0; i < rows.size(); i++) {
            JsonNode row = json.readTree(rows.get(i));
            JsonNode expected = cases.get(i);
            if (!row.path("prompt").equals(expected.path("prompt"))
                    || !row.path("answer").equals(expected.path("answer"))
                    || !row.path("reward").isNumber()) {
                fail("row " + (i + 1) + " is not case " + (i + 1) + ": " + row);
            }
            double reward = row.path("reward").doubleValue();
            double difference = Math.abs(reward - expected.path("reward_f64").doubleValue());
            if (!(difference <= TOLERANCE)) {
                fail("row %d: %s, expected %s".formatted(i + 1, reward, expected.path("reward_f64")));
            }
            largest = Math.max(largest, difference);
        }
        System.out.printf(
                "%d rewards of ./reward score equal those expected within %.0e (largest difference %.1e)%n",
                rows.size(), TOLERANCE, largest);
    }

    private static void fail(String message) {
        System.err.println("ci: " + message);
        System.exit(1);
    }
}
