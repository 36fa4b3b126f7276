package io.github.baichuanreward.eval;

import java.util.Map;

/** What was evaluated and how, and the five numbers as the original evaluation prints them. */
final class RunSection {

    private RunSection() {}

    static void write(Markup page, Map<String, String> run, TrainerMetrics metrics) {
        page.open("section", "id", "run").element("h2", "The run");
        if (!run.isEmpty()) {
            page.open("dl", "class", "run");
            run.forEach((name, value) -> entry(page, name, value));
            page.close().newline();
        }
        page.element("h3", "As the original evaluation prints it");
        page.open("dl", "class", "run metrics");
        entry(page, "eval_accuracy", Double.toString(metrics.accuracy()));
        entry(page, "eval_loss", Double.toString(metrics.loss()));
        entry(page, "eval_runtime", Double.toString(metrics.runtime()));
        entry(page, "eval_samples_per_second", Double.toString(metrics.samplesPerSecond()));
        entry(page, "eval_steps_per_second", Double.toString(metrics.stepsPerSecond()));
        page.close(2).newline();
    }

    private static void entry(Markup page, String name, String value) {
        page.open("div").open("dt").element("bdi", name).close();
        page.open("dd").element("bdi", value).close(2).newline();
    }
}
