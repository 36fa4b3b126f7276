package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.DType;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An endless row of uniform bfloat16 numbers, each a function of seed and place alone: any piece of
 * it can be made by any thread, and is the same every time.
 */
final class RandomNumbers {

    /**
     * A piece of such a row, and where in a file it goes.
     *
     * @param first place of its first number, a multiple of 4
     * @param position in the file, in bytes
     */
    record Piece(
            RandomNumbers numbers, long first, long count, FileChannel channel, long position) {}

    /** Numbers that a thread draws and writes at once; 4 MB. */
    private static final int BLOCK = 1 << 21;

    /** What a uniform distribution over -1 to 1 is multiplied with to have a deviation of 1. */
    private static final double UNIFORM = Math.sqrt(3);

    /** Steps of SplittableRandom, as its mixing. */
    private static final long GOLDEN = 0x9e3779b97f4a7c15L;

    private final long seed;

    /** The number of each of 65,536 draws: more than a bfloat16 can tell apart. */
    private final short[] values = new short[1 << 16];

    /**
     * @param deviation standard deviation of the numbers
     */
    RandomNumbers(long seed, double mean, double deviation) {
        this.seed = mix(seed);
        for (int draw = 0; draw < values.length; draw++) {
            // The middle of each step, so that the mean is exact.
            double uniform = (draw - 0x7fff - 0.5) / 0x8000;
            values[draw] = DType.floatToBfloat16((float) (mean + deviation * UNIFORM * uniform));
        }
    }

    /**
     * Writes pieces, by as many threads as given.
     *
     * @throws IOException if the file cannot be written, or the caller is interrupted; no thread
     *     writes any more then
     */
    static void write(List<Piece> pieces, int threads) throws IOException {
        List<Piece> blocks = new ArrayList<>();
        for (Piece piece : pieces) {
            for (long done = 0; done < piece.count; done += BLOCK) {
                blocks.add(
                        new Piece(
                                piece.numbers,
                                piece.first + done,
                                Math.min(BLOCK, piece.count - done),
                                piece.channel,
                                piece.position + 2 * done));
            }
        }
        AtomicInteger next = new AtomicInteger();
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                running.add(
                        pool.submit(
                                () -> {
                                    writeBlocks(blocks, next);
                                    return null;
                                }));
            }
            for (Future<?> each : running) {
                each.get();
            }
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while random weights were written");
        } finally {
            next.set(blocks.size());
            pool.shutdown();
            awaitEnd(pool);
        }
    }

    private static void writeBlocks(List<Piece> blocks, AtomicInteger next) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(2 * BLOCK + 8).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = next.getAndIncrement(); i < blocks.size(); i = next.getAndIncrement()) {
            Piece block = blocks.get(i);
            block.numbers.draw(buffer.clear(), block.first, (int) block.count);
            long position = block.position;
            while (buffer.hasRemaining()) {
                position += block.channel.write(buffer, position);
            }
        }
    }

    /** The files are about to be closed or deleted: nobody may still write to them. */
    private static void awaitEnd(ExecutorService pool) {
        boolean interrupted = false;
        while (!pool.isTerminated()) {
            try {
                if (pool.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Fills a buffer with {@code count} numbers, and readies it for writing. */
    void draw(ByteBuffer buffer, long first, int count) {
        for (int i = 0; i < count; i += 4) {
            long draws = mix(seed + ((first + i) >> 2) * GOLDEN);
            buffer.putLong(
                    2 * i,
                    (values[(int) draws & 0xffff] & 0xffffL)
                            | (values[(int) (draws >>> 16) & 0xffff] & 0xffffL) << 16
                            | (values[(int) (draws >>> 32) & 0xffff] & 0xffffL) << 32
                            | (long) values[(int) (draws >>> 48)] << 48);
        }
        buffer.position(0).limit(2 * count);
    }

    /** Stafford's thirteenth variant of the 64-bit finalizer of MurmurHash3. */
    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
