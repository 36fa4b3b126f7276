package io.github.baichuanreward.cli;

import picocli.CommandLine.Option;

/** What every command understands. */
// Options that are never read are seen by picocli, or by Main in what picocli parsed.
@SuppressWarnings("UnusedVariable")
final class CommonOptions {

    static final String STACKTRACE = "--stacktrace";

    @Option(names = "--quiet", description = "Print results and errors only: no log, no progress.")
    private boolean quiet;

    @Option(names = STACKTRACE, description = "Show where in the program an error arose.")
    private boolean stacktrace;

    @Option(names = "--help", usageHelp = true, description = "Show this text.")
    private boolean help;

    boolean quiet() {
        return quiet;
    }

    /**
     * Settles how much is logged. Must come before the first logger is made, since the logger of
     * the command line reads its level once.
     */
    void configureLogging() {
        if (quiet) {
            System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
        }
    }
}
