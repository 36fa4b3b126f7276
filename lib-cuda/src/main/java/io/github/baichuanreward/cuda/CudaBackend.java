package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The forward pass on GPUs: weights and activations in a half type, float32 sums, residual stream
 * and softmax.
 *
 * <p>A batch is computed by one copy of the model, the one with the least to do. A device that
 * fails takes down the copy that it is part of, whose batches go to another; a batch that was on a
 * second copy that fails goes to no third, since it may be what takes them down. A long sequence
 * for which a copy has no memory is tried on every other.
 */
final class CudaBackend implements Backend {

    /** Copies that a batch may be tried on. */
    private static final int TRIES = 2;

    private static final Logger LOG = LoggerFactory.getLogger(CudaBackend.class);

    private final BaichuanConfig config;
    private final GemmChoice gemm;
    private final int batchTokens;
    private final String description;
    private final List<Place> places = new ArrayList<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean closed;

    /** Nothing is left on the devices. */
    private boolean ended;

    /** A copy, and how many batches are under way there. */
    private static final class Place {

        final Replica copy;
        int batches;

        Place(Replica copy) {
            this.copy = copy;
        }

        boolean isFree() {
            return copy.failure() == null && batches < copy.concurrency();
        }
    }

    private CudaBackend(BackendRequest request, GemmChoice gemm, ModelLoader.Loaded loaded) {
        this.config = request.weights().config();
        this.gemm = gemm;
        this.batchTokens = loaded.batchTokens();
        String type = Placement.half(request).name().toLowerCase(Locale.ROOT);
        this.description =
                "cuda: %s, %s, %s"
                        .formatted(
                                loaded.plan().summary(),
                                Placement.form(request) == WeightForm.INT8
                                        ? "int8 weights, " + type
                                        : type,
                                loaded.description());
        loaded.copies().forEach(copy -> places.add(new Place(copy)));
    }

    /**
     * Loads a model.
     *
     * @throws CheckpointException if a weight file cannot be read
     * @throws BackendException if there is no usable device, if they are too small, if the request
     *     names a precision, devices or sizes that this backend does not have, or if a device
     *     fails; then nothing stays open
     */
    static CudaBackend open(BackendRequest request) throws CheckpointException {
        return open(request, null);
    }

    /** With products that a test chooses. */
    static CudaBackend open(BackendRequest request, @Nullable GemmChoice wanted)
            throws CheckpointException {
        DeviceChoice found = DeviceChoice.of(request.gpus().devices());
        if (found.problem() != null) {
            throw new BackendException("cuda: " + found.problem());
        }
        Placement.half(request);
        GemmChoice gemm = wanted == null ? GemmChoice.choose(request.gpus().libraries()) : wanted;
        return new CudaBackend(request, gemm, ModelLoader.load(request, gemm, found.devices()));
    }

    @Override
    public float[] score(PackedBatch batch) {
        Placement.requireCountable(config, batch.tokens().length);
        Attempts attempts = new Attempts();
        while (true) {
            Place place = enter(attempts);
            try {
                return place.copy.score(batch);
            } catch (BackendException e) {
                attempts.note(place, e);
            } finally {
                leave(place);
            }
        }
    }

    /** What a batch has met so far. */
    private final class Attempts {

        /** Copies that had no memory for it. */
        private final Set<Place> small = new HashSet<>();

        private int lost;
        private @Nullable BackendException last;

        /**
         * Notes that the batch was not computed.
         *
         * @throws BackendException if it is not to be tried again
         */
        void note(Place place, BackendException e) {
            last = e;
            boolean isWhole = place.copy.failure() == null;
            if (isWhole && e instanceof DeviceMemoryException) {
                small.add(place);
                return;
            }
            lost++;
            if (isWhole || lost == TRIES || !isAnyLeft()) {
                throw e;
            }
            LOG.warn(
                    "{}; one copy of the model is lost, its batches go to the others",
                    e.getMessage());
        }

        boolean mayTry(Place place) {
            return place.copy.failure() == null && !small.contains(place);
        }

        void requireNone() {
            if (last != null) {
                throw last;
            }
        }
    }

    /**
     * Waits for the copy with the least to do.
     *
     * @throws BackendException if none is left; what the batch has met before, if it has
     */
    private Place enter(Attempts attempts) {
        lock.lock();
        try {
            while (true) {
                if (closed) {
                    attempts.requireNone();
                    throw new IllegalStateException("cuda: this backend is closed");
                }
                List<Place> left = places.stream().filter(attempts::mayTry).toList();
                Place best = null;
                for (Place place : left) {
                    if (place.isFree() && (best == null || place.batches < best.batches)) {
                        best = place;
                    }
                }
                if (best != null) {
                    best.batches++;
                    return best;
                }
                if (left.isEmpty()) {
                    attempts.requireNone();
                    requireAnyLeft();
                }
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    private void leave(Place place) {
        lock.lock();
        try {
            place.batches--;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean isAnyLeft() {
        return places.stream().anyMatch(place -> place.copy.failure() == null);
    }

    private void requireAnyLeft() {
        BackendException last = null;
        for (Place place : places) {
            last = place.copy.failure();
            if (last == null) {
                return;
            }
        }
        if (last != null) {
            throw new BackendException(
                    "cuda: this backend has failed before, and is to be closed: "
                            + Cuda.reason(last),
                    last);
        }
    }

    @Override
    public int batchTokens() {
        return batchTokens;
    }

    @Override
    public int concurrency() {
        return places.stream().mapToInt(place -> place.copy.concurrency()).sum();
    }

    @Override
    public int rows(int tokens) {
        return gemm.room(tokens);
    }

    @Override
    public String description() {
        return description;
    }

    /** The copies, for tests of single stages, and for measuring. */
    List<Replica> copies() {
        return places.stream().map(place -> place.copy).toList();
    }

    /** Waits for the batches that are being computed; a second call only waits for the first. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                while (!ended) {
                    changed.awaitUninterruptibly();
                }
                return;
            }
            closed = true;
            changed.signalAll();
            while (places.stream().anyMatch(place -> place.batches > 0)) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
        try {
            giveBack();
        } finally {
            end();
        }
    }

    private void end() {
        lock.lock();
        try {
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void giveBack() {
        Resources all = new Resources();
        places.forEach(place -> all.add(place.copy::close));
        places.forEach(place -> all.add(place.copy::settle)); // these first
        all.close();
    }
}
