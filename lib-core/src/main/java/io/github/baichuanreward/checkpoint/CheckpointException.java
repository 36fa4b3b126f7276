package io.github.baichuanreward.checkpoint;

import java.io.IOException;

/**
 * A model file that is missing, damaged, of a format that is not read, or not safe to read.
 *
 * <p>The message names the file and, where there is one, the tensor or the entry, with what was
 * found and what was expected. Trying again does not help: the files must be replaced or saved
 * again.
 */
public class CheckpointException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Longest piece of a file's own text that a message repeats. */
    private static final int MAX_QUOTED = 200;

    /**
     * An error found by looking at a file.
     *
     * @param message file, tensor, what was found and what was expected
     */
    public CheckpointException(String message) {
        super(message);
    }

    /**
     * An error that another exception reported.
     *
     * @param message file, tensor, what was found and what was expected
     * @param cause what the operating system or the JSON parser reported
     */
    public CheckpointException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Text from a file, fit for a message: in quotes, of bounded length, control characters
     * escaped.
     */
    static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        int length = Math.min(text.length(), MAX_QUOTED);
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            boolean plain =
                    c >= ' '
                            && !Character.isISOControl(c)
                            && Character.getType(c) != Character.FORMAT;
            if (plain && c != '"' && c != '\\') {
                quoted.append(c);
            } else {
                quoted.append(String.format("\\u%04x", (int) c));
            }
        }
        return quoted.append(text.length() > length ? "...\"" : "\"").toString();
    }
}
