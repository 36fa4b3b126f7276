package io.github.baichuanreward.text;

import ai.djl.engine.EngineException;
import ai.djl.sentencepiece.jni.SentencePieceLibrary;
import java.io.IOException;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * One native SentencePiece processor, about 12 MB outside the Java heap, until {@link #close()}.
 *
 * <p>The binding itself checks nothing: a handle that is used after it was deleted, or deleted
 * twice, ends the process. So the handle never leaves this class. Threads encode side by side;
 * closing waits for them.
 */
final class NativeProcessor implements AutoCloseable {

    private static final long CLOSED = 0;

    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private long handle; // read under the read lock, changed under the write lock

    /**
     * @param file where the model comes from, for messages
     * @param model a SentencePiece model that {@link SentencePieceModel} accepted; not kept
     * @throws IOException if the native library is not to be had, or refuses the model
     */
    NativeProcessor(String file, byte[] model) throws IOException {
        NativeLibrary.load();
        long created = create();
        try {
            SentencePieceLibrary.LIB.loadModelFromBytes(created, model);
        } catch (EngineException e) {
            SentencePieceLibrary.LIB.deleteSentencePieceProcessor(created);
            throw new IOException(file + ": SentencePiece refuses the model: " + e.getMessage(), e);
        }
        handle = created;
    }

    /**
     * Returns the ids of a text.
     *
     * @param text without lone surrogates, which would become question marks
     * @throws IllegalStateException if this processor is closed
     */
    int[] encode(String text) {
        lock.readLock().lock();
        try {
            if (handle == CLOSED) {
                throw new IllegalStateException("the tokenizer is closed");
            }
            return SentencePieceLibrary.LIB.encode(handle, text);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Frees the native memory, once, after the threads inside {@link #encode} have left it. */
    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (handle != CLOSED) {
                SentencePieceLibrary.LIB.deleteSentencePieceProcessor(handle);
                handle = CLOSED;
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    private static long create() throws IOException {
        try {
            return SentencePieceLibrary.LIB.createSentencePieceProcessor();
        } catch (UnsatisfiedLinkError e) {
            // Native methods are looked up in libraries that their own class loader has loaded.
            throw new IOException(
                    "SentencePiece's library is loaded but its classes do not see it: the jars of"
                            + " ai.djl.sentencepiece and of this library must have the same class"
                            + " loader",
                    e);
        }
    }
}
