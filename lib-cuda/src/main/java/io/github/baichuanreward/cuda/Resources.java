package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What was opened, to be given back in reverse order, whether all of it was opened or only the
 * first part.
 *
 * <p>A release that fails keeps none of the others from theirs. It is not tried again: drivers
 * report what failed before in the answer to a release that they have carried out. For use by one
 * thread at a time.
 */
final class Resources implements AutoCloseable {

    private final Deque<Runnable> releases = new ArrayDeque<>();

    /** Adds how something that was just opened is given back. */
    void add(Runnable release) {
        releases.push(release);
    }

    /** Whether nothing is left to be given back. */
    boolean isEmpty() {
        return releases.isEmpty();
    }

    /**
     * Gives everything back; a second call does nothing.
     *
     * @throws BackendException the first failure, with the others as suppressed ones, after all has
     *     been tried
     */
    @Override
    public void close() {
        BackendException failure = null;
        while (!releases.isEmpty()) {
            try {
                releases.pop().run();
            } catch (BackendException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Gives everything back after a failure, which keeps what goes wrong now as suppressed. */
    void closeAfter(Throwable failure) {
        try {
            close();
        } catch (BackendException e) {
            if (e != failure) {
                failure.addSuppressed(e);
            }
        }
    }
}
