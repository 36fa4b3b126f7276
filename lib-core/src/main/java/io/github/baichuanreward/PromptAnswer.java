package io.github.baichuanreward;

import java.util.List;

/**
 * An answer to be scored, with the prompt that it answers and the turns before.
 *
 * @param prompt what the user asked; may be empty
 * @param answer what is scored
 * @param history earlier turns of the same conversation, oldest first; may be empty
 */
public record PromptAnswer(String prompt, String answer, List<Turn> history) {

    /**
     * An earlier turn.
     *
     * @param prompt what the user asked
     * @param answer what was answered
     */
    public record Turn(String prompt, String answer) {}

    /** Copies the history. */
    public PromptAnswer {
        history = List.copyOf(history);
    }

    /** An answer to a prompt that nothing came before. */
    public PromptAnswer(String prompt, String answer) {
        this(prompt, answer, List.of());
    }
}
