package io.github.baichuanreward.eval;

import java.io.IOException;

/** Is told what an evaluation comes to, in the order of the comparisons. */
public interface EvaluationListener {

    /**
     * A comparison has its rewards.
     *
     * @throws IOException ends the evaluation
     */
    void scored(Comparison comparison, ScoredComparison scored) throws IOException;

    /**
     * A comparison was left out.
     *
     * @param reason what is wrong with it
     * @throws IOException ends the evaluation
     */
    void skipped(Comparison comparison, String reason) throws IOException;
}
