package io.github.baichuanreward.eval;

import io.github.baichuanreward.ItemException;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.RewardModel;
import io.github.baichuanreward.Score;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Scores comparisons of any number in constant memory: asks for some ahead while those before are
 * computed. Answers to one prompt are asked for together, so that what they share is computed once.
 */
final class ComparisonScorer {

    /** Batches' worth of text that is asked for together. */
    private static final int PORTION_BATCHES = 4;

    /** A portion of very short answers would otherwise hold a great many of them. */
    private static final int PORTION_ANSWERS = 1024;

    /** Portions that are computed or wait, while the next one is read. */
    private static final int PORTIONS_AHEAD = 3;

    private record Asked(Comparison comparison, List<CompletableFuture<Score>> scores) {}

    private final RewardModel model;
    private final Mimicry mimicry;
    private final boolean skipsBad;
    private final EvaluationListener listener;

    private final Deque<List<Asked>> portions = new ArrayDeque<>();

    /**
     * @param skipsBad whether a comparison that cannot be scored is passed over
     */
    ComparisonScorer(
            RewardModel model, Mimicry mimicry, boolean skipsBad, EvaluationListener listener) {
        this.model = model;
        this.mimicry = mimicry;
        this.skipsBad = skipsBad;
        this.listener = listener;
    }

    /**
     * Scores all.
     *
     * @throws DatasetException at the first comparison that cannot be scored; the listener has
     *     those before it
     */
    void scoreAll(Iterator<Comparison> comparisons) throws IOException {
        try {
            while (true) {
                List<Comparison> portion;
                try {
                    portion = portion(comparisons);
                } catch (RuntimeException e) {
                    passOnAll(); // what was read before is whole
                    throw e;
                }
                if (portion.isEmpty()) {
                    break;
                }
                portions.add(ask(portion));
                if (portions.size() > PORTIONS_AHEAD) {
                    passOn(portions.remove());
                }
            }
            passOnAll();
        } finally {
            portions.forEach(portion -> portion.forEach(ComparisonScorer::cancel));
        }
    }

    private List<Comparison> portion(Iterator<Comparison> comparisons) {
        List<Comparison> portion = new ArrayList<>();
        long most = (long) PORTION_BATCHES * model.batchTokens();
        long characters = 0;
        int answers = 0;
        try {
            while (characters < most && answers < PORTION_ANSWERS && comparisons.hasNext()) {
                Comparison comparison = comparisons.next();
                portion.add(comparison);
                characters += characters(comparison);
                answers += items(comparison).size();
            }
        } catch (RuntimeException e) {
            portions.add(ask(portion));
            throw e;
        }
        return portion;
    }

    /** About as many as tokens, or more. */
    private static long characters(Comparison comparison) {
        long prompt = comparison.prompt().length();
        for (PromptAnswer.Turn turn : comparison.history()) {
            prompt += turn.prompt().length() + turn.answer().length();
        }
        long characters = 0;
        for (String answer : comparison.answers()) {
            characters += prompt + answer.length();
        }
        return characters;
    }

    /** The program that is mimicked had no use for more than two answers. */
    private List<PromptAnswer> items(Comparison comparison) {
        List<PromptAnswer> items = comparison.items();
        return mimicry == Mimicry.NONE ? items : items.subList(0, 2);
    }

    private List<Asked> ask(List<Comparison> portion) {
        List<PromptAnswer> items = new ArrayList<>();
        portion.forEach(comparison -> items.addAll(items(comparison)));
        Iterator<CompletableFuture<Score>> scores = model.scoreAsync(items).iterator();
        List<Asked> asked = new ArrayList<>();
        for (Comparison comparison : portion) {
            List<CompletableFuture<Score>> own = new ArrayList<>();
            for (int n = items(comparison).size(); n > 0; n--) {
                own.add(scores.next());
            }
            asked.add(new Asked(comparison, own));
        }
        return asked;
    }

    private void passOnAll() throws IOException {
        while (!portions.isEmpty()) {
            passOn(portions.remove());
        }
    }

    private void passOn(List<Asked> portion) throws IOException {
        try {
            for (Asked asked : portion) {
                passOn(asked);
            }
        } finally {
            portion.forEach(ComparisonScorer::cancel);
        }
    }

    private void passOn(Asked asked) throws IOException {
        Comparison comparison = asked.comparison;
        List<Score> scores = new ArrayList<>();
        try {
            for (CompletableFuture<Score> score : asked.scores) {
                scores.add(rounded(score.join()));
            }
        } catch (CompletionException e) {
            ItemException problem = itemProblem(e);
            skip(comparison, scores.size(), problem.reason(), problem);
            return;
        } catch (IllegalArgumentException e) {
            skip(
                    comparison,
                    scores.size(),
                    String.valueOf(e.getMessage()),
                    e); // not of half precision
            return;
        }
        listener.scored(
                comparison, new ScoredComparison(scores, comparison.margin(), comparison.subset()));
    }

    private Score rounded(Score score) {
        return mimicry == Mimicry.NONE
                ? score
                : new Score(LetJuly2023.half(score.reward()), score.tokens(), score.truncated());
    }

    /** What is wrong with an item; everything else that can fail is thrown. */
    private static ItemException itemProblem(CompletionException e) {
        Throwable cause = e.getCause();
        if (cause instanceof ItemException problem) {
            return problem;
        }
        if (cause instanceof RuntimeException failure) {
            throw failure;
        }
        if (cause instanceof Error failure) {
            throw failure;
        }
        throw e;
    }

    private void skip(Comparison comparison, int answer, String problem, Throwable cause)
            throws IOException {
        String reason = "answer " + (answer + 1) + ": " + problem;
        if (!skipsBad) {
            throw DatasetException.at(comparison, reason, cause);
        }
        listener.skipped(comparison, reason);
    }

    private static void cancel(Asked asked) {
        asked.scores.forEach(score -> score.cancel(false)); // no more than those not yet begun
    }
}
