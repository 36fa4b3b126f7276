package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.JavaProcess;
import java.io.BufferedWriter;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Kills runs in JVMs of their own, and resumes them until they are done. */
class KilledRunTest {

    private static final long MOST_SECONDS = 600;

    /** A few batches and Java itself; a fraction of the long file. */
    private static final String HEAP = "-Xmx64m";

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"csv", "json"})
    void givesTheSameBytesAfterSeveralKills(String kind) throws Exception {
        resumesUntilDone(2_000, 60, 3, kind, 60);
    }

    @Test
    void givesTheSameBytesInAHeapThatDoesNotHoldTheFile() throws Exception {
        resumesUntilDone(20_000, 8_000, 3, "jsonl", 1024);
    }

    @Tag("nightly")
    @Test
    void givesTheSameBytesAfterManyKillsInALongFile() throws Exception {
        resumesUntilDone(1_000_000, 60, 8, "jsonl", 1024);
    }

    /**
     * @param longestNote most characters of what a row carries besides its ids
     * @param kills how often a run is killed, after about the same number of bytes each time
     * @param batchTokens small enough that there are many batches between two kills
     */
    private void resumesUntilDone(
            int rows, int longestNote, int kills, String kind, int batchTokens) throws Exception {
        Path input = folder.resolve("rows.jsonl");
        writeRows(input, rows, longestNote);
        Path whole = folder.resolve("whole." + kind);
        Path output = folder.resolve("killed." + kind);
        String[] options = {"--batch_tokens", Integer.toString(batchTokens), "--threads", "2"};
        assertThat(start(args(input, whole, options)).waitFor()).isZero();

        long step = Files.size(whole) / (kills + 1);
        int killed = 0;
        for (int kill = 1; kill <= kills; kill++) {
            killAtSize(kill * step, output, args(input, output, options, "--resume"));
            if (Files.size(output) == Files.size(whole)) {
                break; // this machine was too busy to look in time
            }
            killed++;
            // As if the last write had come half through, as it may on a disk.
            try (FileChannel written = FileChannel.open(output, StandardOpenOption.WRITE)) {
                written.truncate(written.size() - 7);
            }
        }
        assertThat(killed).isPositive();
        assertThat(start(args(input, output, options, "--resume")).waitFor()).isZero();
        assertThat(Files.mismatch(output, whole)).isEqualTo(-1);
        assertThat(output.resolveSibling(output.getFileName() + ".resume")).doesNotExist();
    }

    /** In a heap that does not hold the pairs, either. */
    @Test
    void evaluatesTheSamePairsAfterSeveralKills() throws Exception {
        Path data = folder.resolve("pairs.jsonl");
        writePairs(data, 4_000);
        assertThat(start(evaluation(data, "whole")).waitFor()).isZero();
        Path whole = folder.resolve("whole/generated_predictions.jsonl");
        Path lines = folder.resolve("killed/generated_predictions.jsonl");
        int killed = 0;
        for (int kill = 1; kill <= 3; kill++) {
            killAtSize(Files.size(whole) * kill / 4, lines, evaluation(data, "killed", "--resume"));
            if (Files.size(lines) == Files.size(whole)) {
                break; // this machine was too busy to look in time
            }
            killed++;
            assertThat(folder.resolve("killed/eval_results.json")).doesNotExist();
            try (FileChannel written = FileChannel.open(lines, StandardOpenOption.WRITE)) {
                written.truncate(written.size() - 7);
            }
        }
        assertThat(killed).isPositive();
        assertThat(start(evaluation(data, "killed", "--resume")).waitFor()).isZero();
        assertThat(Files.mismatch(lines, whole)).isEqualTo(-1);
        assertThat(withoutTimes("killed")).isEqualTo(withoutTimes("whole"));
    }

    private static void writePairs(Path file, int pairs) throws IOException {
        Random random = new Random(4);
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (int n = 0; n < pairs; n++) {
                out.write(
                        "{\"prompt\": \"问 %d\", \"chosen\": \"%x\", \"rejected\": \"答 %x\", \"x\": \"%s\"}\n"
                                .formatted(
                                        n,
                                        random.nextInt(),
                                        random.nextInt(99),
                                        "x".repeat(random.nextInt(20_000))));
            }
        }
    }

    private String[] evaluation(Path data, String name, String... more) {
        List<String> args =
                new ArrayList<>(List.of("eval", "--model", MODEL, "--dataset", data.toString()));
        args.addAll(List.of("--output_dir", folder.resolve(name).toString()));
        args.addAll(List.of("--batch_tokens", "1024", "--threads", "2"));
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }

    private String withoutTimes(String name) throws IOException {
        return Files.readString(folder.resolve(name).resolve("eval_results.json"))
                .replaceAll("\"eval_(runtime|samples_per_second|steps_per_second)\": .*\n", "");
    }

    /** Rows of very different lengths, with line ends and quotes in them. */
    private static void writeRows(Path file, int rows, int longestNote) throws IOException {
        Random random = new Random(3);
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (int i = 0; i < rows; i++) {
                int[] ids = random.ints(1 + random.nextInt(4), 3, 6000).toArray();
                out.write(
                        "{\"id\": %d, \"input_ids\": %s, \"note\": \"%s\\n\\\"中\\\",\"}\n"
                                .formatted(
                                        i,
                                        Arrays.toString(ids),
                                        "x".repeat(random.nextInt(longestNote))));
            }
        }
    }

    private static void killAtSize(long size, Path output, String... args)
            throws IOException, InterruptedException {
        Process process = start(args);
        try {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(MOST_SECONDS);
            while (process.isAlive() && (!Files.exists(output) || Files.size(output) < size)) {
                assertThat(System.nanoTime()).isLessThan(end);
                Thread.sleep(1);
            }
            assertThat(process.isAlive() || process.exitValue() == 0).isTrue();
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static Process start(String... args) throws IOException {
        return JavaProcess.of(List.of(HEAP), Main.class, args)
                .redirectOutput(Redirect.DISCARD)
                .redirectError(Redirect.INHERIT)
                .start();
    }

    private static String[] args(Path input, Path output, String[] options, String... more) {
        List<String> args =
                new ArrayList<>(
                        List.of(
                                "score",
                                "--model",
                                MODEL,
                                "--input",
                                input.toString(),
                                "--output",
                                output.toString()));
        args.addAll(List.of(options));
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }
}
