package io.github.baichuanreward.eval;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What an evaluation found.
 *
 * @param run what was evaluated and how, by name, for people: model, data, backend, options
 * @param metrics what the original evaluation printed
 * @param numbers everything else that was counted
 * @param mostWrong the pairs with the most negative differences, the worst first
 */
public record EvaluationReport(
        Map<String, String> run,
        TrainerMetrics metrics,
        EvaluationNumbers numbers,
        List<WrongPair> mostWrong) {

    /** Copies the list; the map stays in its order. */
    public EvaluationReport {
        run = Collections.unmodifiableMap(new LinkedHashMap<>(run));
        mostWrong = List.copyOf(mostWrong);
    }
}
