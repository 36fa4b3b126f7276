package io.github.baichuanreward.cli;

import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.cli.StandardOutput.ReaderGoneException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * The command line {@code reward}.
 *
 * <p>Results go to standard output, everything else to standard error. The exit status is 0 when
 * all was done, 1 when something failed, 2 when the arguments are wrong.
 */
@Command(
        name = "reward",
        synopsisSubcommandLabel = "COMMAND",
        description = "Scores answers with Baichuan-13B reward models.%n",
        versionProvider = Main.Version.class)
public final class Main implements Runnable {

    private static final int FAILED = 1;
    private static final int WRONG_USAGE = 2;

    @Option(names = "--help", usageHelp = true, description = "Show this text.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean help;

    @Option(names = "--version", versionHelp = true, description = "Show the version.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean version;

    private Main() {}

    /** Runs the command that {@code args} name, and ends the process with its exit status. */
    public static void main(String[] args) {
        // What is written is for other programs, too, and is compared when a run goes on.
        Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT);
        System.exit(run(args, Streams.ofProcess()));
    }

    /**
     * Runs the command that {@code args} name, on streams that are no terminals.
     *
     * @return the exit status
     */
    static int run(String[] args, InputStream in, OutputStream out, OutputStream err) {
        return run(args, Streams.of(in, out, err));
    }

    /** Runs the command that {@code args} name, and returns the exit status. */
    static int run(String[] args, Streams streams) {
        if (isGarbled(args)) {
            streams.err()
                    .println(
                            "reward: an argument has characters that the locale's character set lacks\n"
                                    + "Set LC_ALL=C.UTF-8, or put the texts into a file for --input.");
            return WRONG_USAGE;
        }
        CommandLine line =
                new CommandLine(new Main())
                        .addSubcommand(new ScoreCommand(streams))
                        .addSubcommand(new RankCommand(streams))
                        .addSubcommand(new TokenizeCommand(streams))
                        .addSubcommand(new InspectCommand(streams))
                        .addSubcommand(new EvalCommand(streams))
                        .addSubcommand(new BenchCommand(streams));
        line.setOut(new PrintWriter(streams.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(streams.err(), true, StandardCharsets.UTF_8));
        line.setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF));
        line.setUsageHelpWidth(100);
        // Else an answer that begins with @ would be read as the name of a file of arguments.
        line.setExpandAtFiles(false);
        line.setParameterExceptionHandler((e, arguments) -> wrongUsage(e, streams));
        line.setExecutionExceptionHandler(
                (e, command, parsed) -> failed(e, command, parsed, streams));
        try {
            return line.execute(args);
        } catch (OutOfMemoryError e) {
            return outOfMemory(e, line.getParseResult(), streams);
        }
    }

    /** True if Java could not read the bytes of an argument in the character set of the locale. */
    private static boolean isGarbled(String[] args) {
        return !"UTF-8".equals(System.getProperty("sun.jnu.encoding"))
                && Arrays.stream(args).anyMatch(argument -> argument.contains("\uFFFD"));
    }

    /** Runs when no command is named. */
    @Override
    public void run() {
        throw new UsageException(
                "a command is missing: score, rank, tokenize, inspect, eval or bench");
    }

    private static int wrongUsage(ParameterException e, Streams streams) {
        return wrongUsage(String.valueOf(e.getMessage()), e.getCommandLine(), streams);
    }

    private static int wrongUsage(String message, CommandLine command, Streams streams) {
        streams.err().println("reward: " + message);
        streams.err().println("See ./" + command.getCommandSpec().qualifiedName() + " --help");
        return WRONG_USAGE;
    }

    private static int failed(
            Exception e, CommandLine command, ParseResult parsed, Streams streams) {
        if (e instanceof ReaderGoneException) {
            return FAILED;
        }
        int status = FAILED;
        if (e instanceof UsageException) {
            status = wrongUsage(String.valueOf(e.getMessage()), command, streams);
        } else {
            streams.err().println("reward: " + message(e));
            if (isForMemory(e)) {
                sayHowToGetMemory(parsed, streams);
            }
        }
        if (wantsTrace(parsed)) {
            e.printStackTrace(streams.err());
        }
        return status;
    }

    private static boolean isForMemory(Throwable e) {
        Throwable cause = e.getCause();
        return cause != null && (cause instanceof OutOfMemoryError || isForMemory(cause));
    }

    /** Unlike other errors, one that the user can do something about. */
    private static int outOfMemory(OutOfMemoryError e, ParseResult parsed, Streams streams) {
        streams.err()
                .printf(
                        Locale.ROOT,
                        "reward: out of memory: %s; the heap may grow to %d MiB%n",
                        e.getMessage(),
                        Runtime.getRuntime().maxMemory() >> 20);
        sayHowToGetMemory(parsed, streams);
        if (wantsTrace(parsed)) {
            e.printStackTrace(streams.err());
        }
        return FAILED;
    }

    private static void sayHowToGetMemory(ParseResult parsed, Streams streams) {
        CommandSpec command = parsed.asCommandLineList().get(1).getCommandSpec();
        boolean scores = command.findOption(ModelOptions.BATCH_TOKENS) != null;
        streams.err()
                .printf(
                        Locale.ROOT,
                        "Give %sa larger heap: JAVA_TOOL_OPTIONS=-Xmx%dg ./reward ...%n",
                        scores ? "a smaller --batch_tokens, fewer --threads, or " : "",
                        // Twice as much, in whole GiB.
                        (Runtime.getRuntime().maxMemory() >> 29) + 1);
    }

    private static boolean wantsTrace(ParseResult parsed) {
        return parsed.hasMatchedOption(CommonOptions.STACKTRACE)
                || (parsed.hasSubcommand() && wantsTrace(parsed.subcommand()));
    }

    /** What a user reads of an error. */
    static String message(Exception e) {
        if (e instanceof UncheckedIOException unchecked && unchecked.getCause() != null) {
            return message(unchecked.getCause());
        }
        if (e instanceof NoSuchFileException missing) {
            return missing.getFile() + ": no such file or directory";
        }
        if (e instanceof AccessDeniedException denied) {
            return denied.getFile() + ": permission denied";
        }
        if (e instanceof FileSystemException other && other.getReason() != null) {
            return other.getFile() + ": " + other.getReason();
        }
        boolean foreseen =
                e instanceof IOException
                        || e instanceof FailureException
                        || e instanceof BackendException
                        || e instanceof IllegalArgumentException
                        || e instanceof IllegalStateException;
        if (foreseen && e.getMessage() != null) {
            return e.getMessage();
        }
        return "unexpected " + e + "\nThis is a fault of the program; --stacktrace shows where.";
    }

    /** The version that the build wrote into the jar; null elsewhere. */
    static String version() {
        return String.valueOf(Main.class.getPackage().getImplementationVersion());
    }

    /** What {@code --version} prints. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.version();
            return new String[] {
                "baichuan-reward " + (version.equals("null") ? "(not from a jar)" : version),
                "Java " + Runtime.version()
            };
        }
    }
}
