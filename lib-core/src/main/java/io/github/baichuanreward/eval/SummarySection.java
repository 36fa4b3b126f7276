package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.List;

/** The numbers that readers come for, and what they may be held against. */
final class SummarySection {

    private static final String COMPARABLE =
            "The published models were evaluated on test sets of their authors, which are not public,"
                    + " on 8 A100 GPUs. So accuracies and losses say what such models reach on such tasks,"
                    + " not which model is better; rates compare only for pairs of about the same lengths.";

    private final Markup page;
    private final EvaluationNumbers numbers;
    private final TrainerMetrics metrics;

    private SummarySection(Markup page, EvaluationReport report) {
        this.page = page;
        this.numbers = report.numbers();
        this.metrics = report.metrics();
    }

    static void write(Markup page, EvaluationReport report) {
        SummarySection section = new SummarySection(page, report);
        page.open("section", "id", "summary", "aria-label", "Summary").newline();
        section.headline();
        section.further();
        section.published();
        page.close().newline();
    }

    private void headline() {
        Proportion accuracy = numbers.accuracy();
        page.open("dl", "class", "figures headline");
        figure(
                "Accuracy",
                NumberText.percent(accuracy, 2),
                accuracy.of() == 0
                        ? "no pairs were scored"
                        : "95 % interval " + NumberText.interval(accuracy, 2));
        figure("Loss", NumberText.loss(numbers.loss()), lossNote());
        figure(
                "Pairs",
                NumberText.count(numbers.counts().pairs()),
                NumberText.count(accuracy.count()) + " of them right");
        figure(
                "Pairs per second",
                NumberText.rate(metrics.samplesPerSecond()),
                "in " + NumberText.duration(metrics.runtime()) + ", loading the model left out");
        page.close().newline();
    }

    private String lossNote() {
        String original = NumberText.loss(metrics.loss());
        if (!original.equals(NumberText.loss(numbers.loss()))) {
            return original + " in the arithmetic of the original evaluation";
        }
        if (Double.isNaN(numbers.loss())) {
            return "it is the mean over no pairs, or one of theirs is no number";
        }
        return Double.isInfinite(numbers.loss())
                ? "that of at least one pair is infinite"
                : "mean of −log σ(difference − margin)";
    }

    private void further() {
        PairCounts counts = numbers.counts();
        Proportion ranking = numbers.ranking();
        Proportion longer = numbers.baselines().longerWins();
        page.open("dl", "class", "figures");
        figure(
                "Ranking accuracy",
                NumberText.percent(ranking, 1),
                "of all "
                        + NumberText.count(ranking.of())
                        + " pairs of answers, not only the first two");
        figure(
                "Calibration error",
                NumberText.percent(numbers.calibration().error(), 1),
                "mean distance of accuracy and confidence");
        figure(
                "Always the longer answer",
                NumberText.percent(longer, 1),
                "accuracy of a judge who sees lengths only");
        figure("Ties", NumberText.count(counts.ties()), "equal rewards; counted as wrong");
        figure(
                "Cut",
                NumberText.count(counts.cut()),
                "pairs with a text longer than its limit"
                        + (counts.cut() == 0 ? "" : ", " + cutShare(counts)));
        figure("Skipped rows", NumberText.count(counts.skipped()), "left out because they are bad");
        page.close().newline();
    }

    private static String cutShare(PairCounts counts) {
        return NumberText.percent(new Proportion(counts.cut(), counts.pairs()), 1);
    }

    private void figure(String name, String value, String note) {
        page.open("div").element("dt", name).element("dd", value, "class", "value");
        page.element("dd", note, "class", "note").close().newline();
    }

    private void published() {
        page.element("h2", "Beside the published evaluations");
        List<AccuracyTable.Row> rows = new ArrayList<>();
        rows.add(
                row(
                        "this evaluation",
                        numbers.accuracy(),
                        metrics.loss(),
                        metrics.samplesPerSecond()));
        for (PublishedEvaluation one : PublishedEvaluation.ALL) {
            rows.add(row(one.model(), one.accuracy(), one.loss(), one.pairsPerSecond()));
        }
        AccuracyTable.write(
                page,
                "Accuracy of this evaluation and of the published ones",
                Double.NaN,
                "evaluation",
                List.of("loss", "pairs/s"),
                rows);
        page.element("p", COMPARABLE, "class", "note").newline();
    }

    private static AccuracyTable.Row row(
            String name, Proportion accuracy, double loss, double rate) {
        return new AccuracyTable.Row(
                name, accuracy, List.of(NumberText.loss(loss), NumberText.rate(rate)));
    }
}
