package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.batch.PackedBatch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BatchInputTest {

    @Test
    void everyBatchFitsIntoTheRoomForItsTokens() {
        Random random = new Random(3);
        for (int round = 0; round < 200; round++) {
            List<int[]> sequences = new ArrayList<>();
            for (int s = 0; s <= random.nextInt(9); s++) {
                sequences.add(new int[1 + random.nextInt(round % 2 == 0 ? 2 : 400)]);
            }
            PackedBatch batch = PackedBatch.pack(sequences, 1 << 20).get(0);
            int tokens = batch.tokens().length;
            int room = (int) BatchInput.bytes(tokens);
            ByteBuffer target = ByteBuffer.allocate(room).order(ByteOrder.LITTLE_ENDIAN);
            BatchInput in = BatchInput.write(target, batch);

            assertThat(in.bytes()).isLessThanOrEqualTo(room);
            assertThat(in.tokens()).isEqualTo(tokens);
            assertThat(in.lastAttention().tileCount()).isEqualTo(sequences.size());
        }
    }

    @Test
    void segmentsHaveStartAndLengthAndNoPrefix() {
        PackedBatch batch = PackedBatch.pack(List.of(new int[] {7, 8}, new int[] {9}), 10).get(0);
        ByteBuffer target = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        BatchInput.write(target, batch);
        int[] written = new int[8 + 56 + 3];
        target.position(0).asIntBuffer().get(written);

        assertThat(written).startsWith(0, 2, 0, 0, 2, 1, 0, 0).endsWith(7, 8, 9);
    }
}
