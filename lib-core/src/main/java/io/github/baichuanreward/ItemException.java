package io.github.baichuanreward;

/**
 * One item of a list cannot be scored: it is empty, too long, holds ids outside the vocabulary or
 * text that is not Unicode, or the model gives it no finite reward. No item of the list was given a
 * score; leave this one out, or mend it, and score the others again.
 */
public class ItemException extends IllegalArgumentException {

    private static final long serialVersionUID = 1;

    private final int index;
    private final String reason;

    ItemException(int index, String reason) {
        super("item " + index + ": " + reason);
        this.index = index;
        this.reason = reason;
    }

    ItemException(int index, IllegalArgumentException cause) {
        super("item " + index + ": " + cause.getMessage(), cause);
        this.index = index;
        this.reason = String.valueOf(cause.getMessage());
    }

    /** Its place in the list that was given, from 0. */
    public int index() {
        return index;
    }

    /** What is wrong with it, without its place. */
    public String reason() {
        return reason;
    }
}
