package io.github.baichuanreward.cpu;

import io.github.baichuanreward.Golden;
import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendContract;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.batch.PackedBatch;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/** What the contract asks of backends that compute several batches at a time, on two of one. */
class CpuReplicasTest extends BackendContract {

    @Override
    protected List<String> goldens() {
        return List.of("tiny-a", "tiny-odd");
    }

    @Override
    protected Backend open(BackendRequest request) throws IOException {
        return new Replicas(CpuBackend.open(request), CpuBackend.open(request));
    }

    @Override
    protected double tolerance() {
        return Golden.FLOAT32_REWARD;
    }

    private static final class Replicas implements Backend {

        private final Backend first;
        private final Backend second;
        private final BlockingQueue<Backend> idle;

        Replicas(Backend first, Backend second) {
            this.first = first;
            this.second = second;
            this.idle = new ArrayBlockingQueue<>(2, true, List.of(first, second));
        }

        @Override
        public float[] score(PackedBatch batch) {
            Backend replica = idle.remove();
            try {
                return replica.score(batch);
            } finally {
                idle.add(replica);
            }
        }

        @Override
        public int batchTokens() {
            return first.batchTokens();
        }

        @Override
        public int concurrency() {
            return 2;
        }

        @Override
        public String description() {
            return "two of " + first.description();
        }

        @Override
        public void close() {
            first.close();
            second.close();
        }
    }
}
