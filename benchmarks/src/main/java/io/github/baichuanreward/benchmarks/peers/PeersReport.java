package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.benchmarks.results.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;

/** Writes the result of a run of {@code benchmarks/cpu-peers} for people, in Markdown. */
final class PeersReport {

    /** Whom all are compared with. */
    private static final Contestant YARDSTICK = Contestant.LLAMA_CPP;

    /**
     * How far rewards of the same sequence may lie apart. Rewards of the synthetic model spread by
     * about 1, and so do those of another computation; bfloat16 in 40 layers moves them by some
     * hundredths.
     */
    private static final double MOST_DIFFERENCE = 0.2;

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
        report.rates();
        report.rewards();
        return report.text.append('\n').append(report.run().block()).toString();
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
        line(
                "One sequence at a time, %s threads, %s rounds. In a round each has its turn, in a"
                        + " process of its own: the model is",
                log.run("threads"), log.run("rounds"));
        line(
                "loaded, every length is computed once to warm up, then %s times each. The rate of"
                        + " a round is the median of those.",
                log.run("repeats"));
        line("");
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

    private void rates() {
        line("Tokens a second: the median of the rounds, with the lowest and the highest. Beside");
        line("llama.cpp: the ratio of the medians, then the median, the lowest and the highest of");
        line("the ratios within a round.");
        line("");
        line("| tokens | | tokens/s | beside llama.cpp | within a round |");
        line("|---|---|---|---|---|");
        for (int length : log.lengths()) {
            SortedMap<Integer, Double> yardstick = log.rates(YARDSTICK, length);
            for (Contestant contestant : log.about().keySet()) {
                SortedMap<Integer, Double> rates = log.rates(contestant, length);
                if (rates.isEmpty()) {
                    throw new IllegalArgumentException(
                            "%s has no rate at %d tokens".formatted(contestant.title(), length));
                }
                line(
                        "| %d | %s | %s | %s |",
                        length,
                        contestant.title(),
                        spread("%.1f", rates.values()),
                        ratios(rates, yardstick));
            }
        }
        line("");
    }

    private static String ratios(
            SortedMap<Integer, Double> rates, SortedMap<Integer, Double> yardstick) {
        if (yardstick.isEmpty()) {
            return " | ";
        }
        double ofMedians = PeersLog.median(rates.values()) / PeersLog.median(yardstick.values());
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
                + (within.isEmpty() ? "" : spread("%.2f", within));
    }

    /** Median, lowest and highest. */
    private static String spread(String format, Iterable<Double> values) {
        List<Double> all = new ArrayList<>();
        values.forEach(all::add);
        return String.format(
                Locale.ROOT,
                format + " (" + format + " to " + format + ")",
                PeersLog.median(all),
                Collections.min(all),
                Collections.max(all));
    }

    private void rewards() {
        line("All compute the same: the rewards of the sequences are");
        line("");
        StringBuilder columns = new StringBuilder("| tokens |");
        for (Contestant contestant : log.about().keySet()) {
            columns.append(' ').append(contestant.title()).append(" |");
        }
        line("%s", columns);
        line("%s", "|---".repeat(1 + log.about().size()) + "|");
        for (int length : log.lengths()) {
            StringBuilder row = new StringBuilder("| " + length + " |");
            for (Contestant contestant : log.about().keySet()) {
                row.append(String.format(Locale.ROOT, " %.4f |", reward(contestant, length)));
            }
            line("%s", row);
        }
    }

    /** The reward, after a comparison with the others' of the same sequence. */
    private double reward(Contestant contestant, int length) {
        Double reward = log.reward(contestant, length);
        if (reward == null) {
            throw new IllegalArgumentException(
                    "%s has no reward at %d tokens".formatted(contestant.title(), length));
        }
        for (Contestant other : log.about().keySet()) {
            Double compared = log.reward(other, length);
            if (compared != null && !(Math.abs(reward - compared) <= MOST_DIFFERENCE)) {
                throw new IllegalStateException(
                        "%d tokens: %s gives the reward %s, %s gives %s; they do not compute the same model"
                                .formatted(
                                        length,
                                        contestant.title(),
                                        reward,
                                        other.title(),
                                        compared));
            }
        }
        return reward;
    }

    private void line(String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
