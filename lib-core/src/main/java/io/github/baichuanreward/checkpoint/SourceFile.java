package io.github.baichuanreward.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * One file that is being examined: its length, and bytes at any place of it.
 *
 * <p>Whoever opens it closes it. Every failure is a {@link CheckpointException} that begins with
 * the path.
 */
final class SourceFile implements Closeable {
    private final Path path;
    private final FileChannel channel;
    private final long size;

    private SourceFile(Path path, FileChannel channel, long size) {
        this.path = path;
        this.channel = channel;
        this.size = size;
    }

    /** Opens a file, following symbolic links: a Hugging Face cache is made of them. */
    static SourceFile open(Path path) throws CheckpointException {
        if (Files.isDirectory(path)) {
            throw new CheckpointException(
                    path + ": is a directory where a weights file was expected");
        }
        if (!Files.exists(path)) {
            throw new CheckpointException(
                    path
                            + ": no such file"
                            + (Files.isSymbolicLink(path) ? " (a broken link)" : ""));
        }
        if (!Files.isRegularFile(path)) {
            // Opening a pipe would wait for its writer.
            throw new CheckpointException(path + ": is not a regular file");
        }
        FileChannel channel = openChannel(path);
        try {
            long size = channel.size();
            if (size == 0) {
                throw new CheckpointException(
                        path + ": is empty; the download or copy was cut short");
            }
            return new SourceFile(path, channel, size);
        } catch (IOException e) {
            closeQuietly(channel, e);
            throw e instanceof CheckpointException known ? known : unreadable(path, e);
        }
    }

    /** A channel for reading; the caller closes it. */
    static FileChannel openChannel(Path path) throws CheckpointException {
        try {
            return FileChannel.open(path, StandardOpenOption.READ);
        } catch (AccessDeniedException e) {
            throw new CheckpointException(path + ": permission denied; make the file readable", e);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /** What the operating system's refusal becomes. */
    static CheckpointException unreadable(Path path, IOException cause) {
        return new CheckpointException(path + ": cannot be read: " + cause, cause);
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /** An error about this file. */
    CheckpointException error(String message) {
        return new CheckpointException(path + ": " + message);
    }

    /**
     * Reads bytes into memory.
     *
     * @param what what is being read, for the message when the file ends before it does
     * @return little-endian, position 0, limit {@code count}
     */
    ByteBuffer read(long position, int count, String what) throws CheckpointException {
        if (position < 0 || count < 0 || position > size - count) {
            throw error(
                    what
                            + ": "
                            + count
                            + " bytes at "
                            + position
                            + " do not lie inside the file of "
                            + size
                            + " bytes");
        }
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        try {
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, position + bytes.position()) < 0) {
                    throw error(what + ": the file became shorter while it was read");
                }
            }
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw unreadable(path, e);
        }
        return bytes.flip();
    }

    @Override
    public void close() throws CheckpointException {
        try {
            channel.close();
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    private static void closeQuietly(FileChannel channel, IOException reason) {
        try {
            channel.close();
        } catch (IOException e) {
            reason.addSuppressed(e);
        }
    }
}
