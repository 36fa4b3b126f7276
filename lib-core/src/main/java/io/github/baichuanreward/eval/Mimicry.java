package io.github.baichuanreward.eval;

import java.util.Locale;

/** Another program whose arithmetic an evaluation repeats. */
public enum Mimicry {
    /** None: rewards as they are, loss in float64. */
    NONE,
    /**
     * LLaMA-Efficient-Tuning between 18 July and 12 August 2023, without {@code --fp16}, as the
     * published evaluations most likely ran: rewards are rounded to float16, and the loss is
     * computed in it. Load the model with {@link
     * io.github.baichuanreward.LoadOptions#withHalfValueHead}.
     */
    LET_2023_07;

    /**
     * The one with this name, as {@link #toString} gives it.
     *
     * @throws IllegalArgumentException if there is none; says which there are
     */
    public static Mimicry named(String name) {
        for (Mimicry mimicry : values()) {
            if (mimicry.toString().equals(name)) {
                return mimicry;
            }
        }
        throw new IllegalArgumentException(
                "'" + name + "' is nothing that can be mimicked; known is " + LET_2023_07);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
