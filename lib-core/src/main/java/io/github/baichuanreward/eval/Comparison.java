package io.github.baichuanreward.eval;

import io.github.baichuanreward.PromptAnswer;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A prompt and answers to it, the best first.
 *
 * @param prompt what the user asked last
 * @param history earlier turns of the same conversation, oldest first; may be empty
 * @param answers two or more, the best first
 * @param margin how much better the first answer is than the second, in rewards, or null where
 *     nobody said; finite
 * @param subset the group that this comparison is counted in, or null
 * @param place where it stands, for people: a file and a line
 */
public record Comparison(
        String prompt,
        List<PromptAnswer.Turn> history,
        List<String> answers,
        @Nullable Double margin,
        @Nullable String subset,
        String place) {

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException if there are fewer than two answers, or the margin is not
     *     finite
     */
    public Comparison {
        history = List.copyOf(history);
        answers = List.copyOf(answers);
        if (answers.size() < 2) {
            throw new IllegalArgumentException(
                    "a comparison needs at least two answers, but has " + answers.size());
        }
        if (margin != null && !Double.isFinite(margin)) {
            throw new IllegalArgumentException("a margin must be finite, but is " + margin);
        }
    }

    /** The better answer of the pair. */
    public String chosen() {
        return answers.get(0);
    }

    /** The worse answer of the pair. */
    public String rejected() {
        return answers.get(1);
    }

    /**
     * Sixteen hexadecimal digits that tell comparisons apart: the beginning of the SHA-256 of
     * everything here but the place.
     */
    public String id() {
        MessageDigest digest = sha256();
        update(digest, prompt);
        for (PromptAnswer.Turn turn : history) {
            update(digest, turn.prompt());
            update(digest, turn.answer());
        }
        digest.update((byte) history.size());
        answers.forEach(answer -> update(digest, answer));
        update(digest, String.valueOf(margin));
        update(digest, String.valueOf(subset));
        return HexFormat.of().formatHex(digest.digest(), 0, 8);
    }

    /** With its length, so that no two lists of texts are the same bytes. */
    private static void update(MessageDigest digest, String text) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES + Character.BYTES * text.length());
        bytes.putInt(text.length()).asCharBuffer().put(text);
        digest.update(bytes.array());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    /** Each answer with what it answers, the best first. */
    public List<PromptAnswer> items() {
        return answers.stream().map(answer -> new PromptAnswer(prompt, answer, history)).toList();
    }
}
