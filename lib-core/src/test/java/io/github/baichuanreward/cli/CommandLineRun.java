package io.github.baichuanreward.cli;

import io.github.baichuanreward.TestData;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** One run of the command line in this JVM: what it was given, what came out. */
record CommandLineRun(int status, String out, String err) {

    static final String MODEL = TestData.demoModel().resolve("model").toString();

    /** Runs with nothing on standard input. */
    static CommandLineRun of(String... args) {
        return withInput("", args);
    }

    static CommandLineRun withInput(String input, String... args) {
        return withInput(input.getBytes(StandardCharsets.UTF_8), args);
    }

    static CommandLineRun withInput(byte[] input, String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Main.run(args, new ByteArrayInputStream(input), out, err);
        return new CommandLineRun(status, text(out), text(err));
    }

    /** Runs with standard output and standard error on a terminal. */
    static CommandLineRun onTerminal(int columns, String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Streams streams =
                new Streams(
                        new ByteArrayInputStream(new byte[0]),
                        out,
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        columns,
                        columns);
        return new CommandLineRun(Main.run(args, streams), text(out), text(err));
    }

    List<String> outLines() {
        return out.lines().toList();
    }

    private static String text(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
