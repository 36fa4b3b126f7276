package io.github.baichuanreward;

import io.github.baichuanreward.text.PromptTemplate;

/**
 * How a prompt and an answer become one sequence of token ids.
 *
 * @param template the words around the prompt; a model is right only with the one it was trained
 *     with
 * @param maxSourceLength most ids of the prompt with its template and history; longer ones are cut
 *     from the right. {@link #UNLIMITED} never cuts
 * @param maxTargetLength most ids of the answer, the end-of-sequence id included, which is never
 *     cut. {@link #UNLIMITED} never cuts
 */
public record ScoringOptions(PromptTemplate template, int maxSourceLength, int maxTargetLength) {

    /** No limit: what is longer than the model allows is an error, not cut. */
    public static final int UNLIMITED = PromptTemplate.UNLIMITED;

    /**
     * Checks the limits.
     *
     * @throws IllegalArgumentException if a limit is too small, or if the template has no place to
     *     cut; names the limit
     */
    public ScoringOptions {
        template.requireLimits(maxSourceLength, maxTargetLength);
    }

    /** LLaMA-Efficient-Tuning's default template, and nothing is ever cut. */
    public static ScoringOptions defaults() {
        return new ScoringOptions(PromptTemplate.DEFAULT, UNLIMITED, UNLIMITED);
    }

    /** The same with another template. */
    public ScoringOptions withTemplate(PromptTemplate template) {
        return new ScoringOptions(template, maxSourceLength, maxTargetLength);
    }

    /** The same with another limit for prompts. */
    public ScoringOptions withMaxSourceLength(int maxSourceLength) {
        return new ScoringOptions(template, maxSourceLength, maxTargetLength);
    }

    /** The same with another limit for answers. */
    public ScoringOptions withMaxTargetLength(int maxTargetLength) {
        return new ScoringOptions(template, maxSourceLength, maxTargetLength);
    }
}
