package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.benchmarks.results.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Writes the result of a run of {@code benchmarks/cpu-peers} for people, in Markdown. */
final class PeersReport {

    /** Whom all are compared with. */
    private static final Contestant YARDSTICK = Contestant.LLAMA_CPP;

    /** Says what is under each number; tables follow. */
    private static final String HOW =
            """
            All compute the same token ids, which are read from the same files, in turns: in a round each has one, in a process
            of its own. It loads the model, computes some short sequences to warm up, and then everything below.

            - this library gets all sequences of a workload in one call, and finds by itself what they have in common;
            - llama.cpp evaluates one sequence after the other, without any output: the least that it can be asked to do. What a
              sequence has in common with the one before, which is the prompt of a best-of or a pair, stays in its cache;
            - PyTorch computes one sequence after the other, each whole.
            """;

    private final PeersLog log;
    private final StringBuilder text = new StringBuilder();

    private PeersReport(PeersLog log) {
        this.log = log;
    }

    /** Arguments: LOG RESULT. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            throw new IllegalArgumentException("needed: LOG RESULT");
        }
        PeersLog log = PeersLog.parse(Files.readAllLines(Path.of(arguments[0])));
        Files.writeString(Path.of(arguments[1]), of(log));
    }

    /**
     * The result of a run.
     *
     * @throws IllegalArgumentException if the run is incomplete
     * @throws IllegalStateException if two contestants give rewards to one sequence that are too
     *     far apart: then they do not compute the same model, and their rates mean nothing
     */
    static String of(PeersLog log) {
        PeersReport report = new PeersReport(log);
        report.head();
        report.contestants();
        report.workloads();
        report.speed();
        report.pairs();
        report.lone();
        report.loading();
        report.rewards();
        return report.text.append(report.run().block()).toString();
    }

    private Run run() {
        return new Run(
                log.run("date"),
                log.run("commit"),
                log.run("machine"),
                log.about().entrySet().stream()
                        .map(entry -> entry.getKey().title() + ": " + entry.getValue())
                        .toList());
    }

    private void head() {
        line("# Scoring on a CPU beside llama.cpp and PyTorch");
        line("");
        line("%s, commit %s. %s.", log.run("date"), log.run("commit"), log.run("machine"));
        line("");
        line("Command: `%s`", log.run("command"));
        line("");
        line("The model is synthetic: %s.", log.run("model"));
        line("%s threads, %s rounds.", log.run("threads"), log.run("rounds"));
        line("%s", HOW);
    }

    private void contestants() {
        for (Map.Entry<Contestant, String> entry : log.about().entrySet()) {
            line("- %s: %s", entry.getKey().title(), entry.getValue());
        }
        for (Map.Entry<Contestant, String> entry : log.unavailable().entrySet()) {
            line("- %s: left out; %s", entry.getKey().title(), entry.getValue());
        }
        line("");
    }

    private void workloads() {
        line("## Workloads");
        line("");
        line("| workload | sequences | tokens | what it is |");
        line("|---|---|---|---|");
        for (PeersLog.Described task : log.tasks(Task.Kind.SPEED)) {
            line(
                    "| %s | %d | %d | %s |",
                    task.title(), task.sequences(), task.tokens(), task.about());
        }
        line("");
    }

    private void speed() {
        List<PeersLog.Described> tasks = log.tasks(Task.Kind.SPEED);
        if (tasks.isEmpty()) {
            return;
        }
        line("## Speed");
        line("");
        line("Tokens a second, a prompt's counted with each of its answers: the median of the");
        line(
                "rounds, with the lowest and the highest. Beside llama.cpp: the ratio of the medians,");
        line("then the median, the lowest and the highest of the ratios within a round.");
        line("");
        line("| workload | | tokens/s | beside llama.cpp | within a round |");
        line("|---|---|---|---|---|");
        for (PeersLog.Described task : tasks) {
            for (Contestant contestant : log.about().keySet()) {
                SortedMap<Integer, Double> rates = rates(contestant, task, task.tokens());
                line(
                        "| %s | %s | %s | %s |",
                        task.title(),
                        contestant.title(),
                        Spread.of(rates.values()).text("%.1f"),
                        ratios(rates, task));
            }
        }
        line("");
    }

    /** So many things a second, by round: the median of a round's times. */
    private SortedMap<Integer, Double> rates(
            Contestant contestant, PeersLog.Described task, long things) {
        SortedMap<Integer, Double> rates = new TreeMap<>();
        needed(contestant, "seconds " + task.name())
                .forEach((round, times) -> rates.put(round, things / Spread.of(times).median()));
        return rates;
    }

    private String ratios(SortedMap<Integer, Double> rates, PeersLog.Described task) {
        if (!log.about().containsKey(YARDSTICK)) {
            return " | ";
        }
        SortedMap<Integer, Double> yardstick = rates(YARDSTICK, task, task.tokens());
        double ofMedians =
                Spread.of(rates.values()).median() / Spread.of(yardstick.values()).median();
        List<Double> within = new ArrayList<>();
        rates.forEach(
                (round, rate) -> {
                    Double other = yardstick.get(round);
                    if (other != null) {
                        within.add(rate / other);
                    }
                });
        return String.format(Locale.ROOT, "%.2f", ofMedians)
                + " | "
                + (within.isEmpty() ? "" : Spread.of(within).text("%.2f"));
    }

    private void pairs() {
        List<PeersLog.Described> tasks =
                log.tasks(Task.Kind.SPEED).stream().filter(task -> task.pairs() > 0).toList();
        if (tasks.isEmpty()) {
            return;
        }
        line("## Pairs");
        line("");
        line("The same as pairs of two answers to a prompt a second. The model is a small one.");
        line("");
        line("| workload | pairs | | pairs/s |");
        line("|---|---|---|---|");
        for (PeersLog.Described task : tasks) {
            for (Contestant contestant : log.about().keySet()) {
                SortedMap<Integer, Double> rates = rates(contestant, task, task.pairs());
                line(
                        "| %s | %d | %s | %s |",
                        task.name(),
                        task.pairs(),
                        contestant.title(),
                        Spread.of(rates.values()).text("%.4f"));
            }
        }
        line("");
    }

    private void lone() {
        for (PeersLog.Described task : log.tasks(Task.Kind.LONE)) {
            line("## Lone requests");
            line("");
            line("Milliseconds of a call: %s. Half of all calls of all", task.about());
            line(
                    "rounds took at most p50, with that of the fastest and of the slowest round, and 99 %%");
            line("of them at most p99.");
            line("");
            line("| | calls | p50, ms | p99, ms | longest, ms |");
            line("|---|---|---|---|---|");
            for (Contestant contestant : log.about().keySet()) {
                line("| %s | %s |", contestant.title(), latencies(needed(contestant, "lone")));
            }
            line("");
        }
    }

    private static String latencies(SortedMap<Integer, List<Double>> byRound) {
        List<Double> all = all(byRound);
        Spread halves =
                Spread.of(byRound.values().stream().map(p -> Spread.percentile(50, p)).toList());
        return String.format(
                Locale.ROOT,
                "%d | %.1f (%.1f to %.1f) | %.1f | %.1f",
                all.size(),
                Spread.percentile(50, all),
                halves.lowest(),
                halves.highest(),
                Spread.percentile(99, all),
                Spread.of(all).highest());
    }

    private void loading() {
        for (PeersLog.Described task : log.tasks(Task.Kind.LOAD)) {
            line("## Loading and memory");
            line("");
            line(
                    "Seconds from the start of the program, its runtime and libraries included, to the");
            line("first reward (%s), with the files in memory already. Most memory", task.about());
            line(
                    "that was resident during all of the above, where the weights are mapped from a file;");
            line("and what was resident at the end without what is mapped from files.");
            line("");
            line("| | first reward, s | peak, GB | not mapped from files, GB |");
            line("|---|---|---|---|");
            for (Contestant contestant : log.about().keySet()) {
                line(
                        "| %s | %s | %s | %s |",
                        contestant.title(),
                        Spread.of(all(needed(contestant, "loaded"))).text("%.2f"),
                        gigabytes(contestant, "memory peak"),
                        gigabytes(contestant, "memory anonymous"));
            }
            line("");
        }
    }

    private String gigabytes(Contestant contestant, String what) {
        List<Double> bytes =
                all(log.measured(contestant, what)).stream().map(kib -> kib * 1024 / 1e9).toList();
        return bytes.isEmpty() ? "" : Spread.of(bytes).text("%.2f");
    }

    private void rewards() {
        line("## Rewards");
        line("");
        line("All compute the same. Rewards of the sequences, and the largest difference of any");
        line("other's from the first's:");
        line("");
        List<Contestant> all = List.copyOf(log.about().keySet());
        StringBuilder columns = new StringBuilder("| workload | sequences | lowest | highest |");
        all.stream().skip(1).forEach(each -> columns.append(' ').append(each.title()).append(" |"));
        line("%s", columns);
        line("%s", "|---".repeat(3 + all.size()) + "|");
        for (PeersLog.Described task : log.tasks()) {
            if (!all.isEmpty() && task.kind() != Task.Kind.WARM) {
                line("%s", new PeersRewards(log, task).row());
            }
        }
        line("");
    }

    /** What a contestant must have told. */
    private SortedMap<Integer, List<Double>> needed(Contestant contestant, String what) {
        SortedMap<Integer, List<Double>> found = log.measured(contestant, what);
        if (found.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s did not tell \"%s\"".formatted(contestant.title(), what));
        }
        return found;
    }

    private static List<Double> all(SortedMap<Integer, ? extends Collection<Double>> byRound) {
        return byRound.values().stream().<Double>flatMap(Collection::stream).toList();
    }

    private void line(String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
