package io.github.baichuanreward;

import io.github.baichuanreward.text.EncodedAnswer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Scores of items in their order: encodes some of them ahead, while the device computes those
 * before. What is wrong with an item is thrown in its turn, after the scores before it, or, for
 * those whom they would not reach, as soon as it is found. After the first that is thrown there are
 * no more.
 *
 * <p>Used by one thread at a time, except {@link #close}, which takes back what is being computed
 * ahead.
 */
final class OrderedScores<T> implements Iterator<Score>, AutoCloseable {

    /** From an item to what is scored. */
    interface Encoder<T> {
        EncodedAnswer encode(int index, T item);
    }

    private final Iterator<? extends T> items;
    private final Encoder<T> encoder;
    private final String device;
    private final boolean inTurn;
    private final Submission submission;
    private final Deque<EncodedAnswer> outstanding = new ArrayDeque<>();
    private int encoded;
    private int taken;
    private @Nullable RuntimeException problem;

    /**
     * @param device what computes them, to be named where a reward is not finite
     * @param inTurn whether the scores before an item that is wrong are wanted
     */
    OrderedScores(
            Iterator<? extends T> items,
            Encoder<T> encoder,
            ScoringQueue queue,
            String device,
            boolean inTurn) {
        this.items = items;
        this.encoder = encoder;
        this.device = device;
        this.inTurn = inTurn;
        this.submission = new Submission(queue);
    }

    @Override
    public boolean hasNext() {
        encodeAhead();
        return !outstanding.isEmpty() || problem != null;
    }

    @Override
    public Score next() {
        if (!hasNext()) {
            throw new NoSuchElementException("no item is left");
        }
        EncodedAnswer answer = outstanding.poll();
        if (answer == null || (problem != null && !inTurn)) {
            throw Objects.requireNonNull(problem);
        }
        try {
            Score score = score(taken, submission.next(), answer, device);
            taken = following(taken);
            return score;
        } catch (RuntimeException e) {
            end(e);
            throw e;
        } catch (Error e) { // of the device's thread, as it is: without memory, say
            end(new IllegalStateException(e.toString(), e));
            throw e;
        }
    }

    /** Or the rewards of what is outstanding would go to other items. */
    private void end(RuntimeException reason) {
        problem = reason;
        outstanding.clear();
        close();
    }

    /** The next index, as far as they are counted. */
    private static int following(int index) {
        return index == Integer.MAX_VALUE ? index : index + 1;
    }

    /** A score, if it is one. */
    static Score score(int index, float reward, EncodedAnswer answer, String device) {
        if (!Float.isFinite(reward)) {
            throw new ItemException(
                    index,
                    ("the reward is %s: the weights hold numbers that are not finite, or they"
                                    + " overflow in this precision (%s; bfloat16 and float32"
                                    + " reach further than float16)")
                            .formatted(reward, device));
        }
        return new Score(reward, answer.ids().length, answer.truncated());
    }

    private void encodeAhead() {
        try {
            while (problem == null && submission.hasRoom() && items.hasNext()) {
                EncodedAnswer answer = encoder.encode(encoded, items.next());
                encoded = following(encoded);
                submission.add(answer.ids());
                outstanding.add(answer);
            }
        } catch (RuntimeException e) {
            problem = e;
        }
    }

    @Override
    public void close() {
        submission.close();
    }
}
