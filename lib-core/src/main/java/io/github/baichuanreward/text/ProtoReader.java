package io.github.baichuanreward.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Walks through the fields of one protocol buffer message.
 *
 * <p>Just enough of the wire format for a SentencePiece model. Every length is checked before it is
 * used; whatever is wrong is an {@link IOException} that names the file and the byte.
 */
final class ProtoReader {

    static final int VARINT = 0;
    static final int FIXED_64 = 1;
    static final int BYTES = 2;
    static final int FIXED_32 = 5;

    private final String file;
    private final byte[] data;
    private final int end;
    private int position;
    private int field;
    private int wireType;

    ProtoReader(String file, byte[] data) {
        this(file, data, 0, data.length);
    }

    private ProtoReader(String file, byte[] data, int start, int end) {
        this.file = file;
        this.data = data;
        this.position = start;
        this.end = end;
    }

    /** Moves to the next field; its value must then be read or skipped. False at the end. */
    boolean next() throws IOException {
        if (position == end) {
            return false;
        }
        long tag = readVarint();
        field = (int) (tag >>> 3);
        wireType = (int) (tag & 7);
        if (tag >>> 32 != 0 || field == 0) {
            throw malformed("tag " + tag);
        }
        return true;
    }

    /** The number of the current field. */
    int field() {
        return field;
    }

    /** The index in the file of the byte that is read next. */
    int position() {
        return position;
    }

    /** Reads the current field, a number. */
    long number() throws IOException {
        require(VARINT);
        return readVarint();
    }

    /** Reads the current field, a message of its own. */
    ProtoReader message() throws IOException {
        require(BYTES);
        int start = length();
        return new ProtoReader(file, data, start, position);
    }

    /** Reads the current field, bytes of any meaning; not a copy. */
    ByteBuffer bytes() throws IOException {
        require(BYTES);
        int start = length();
        return ByteBuffer.wrap(data, start, position - start);
    }

    /** Reads the current field, a text in UTF-8. */
    String text() throws IOException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes()).toString();
        } catch (CharacterCodingException e) {
            throw malformed("text that is not UTF-8");
        }
    }

    /** Passes over the current field, whatever it is. */
    void skip() throws IOException {
        switch (wireType) {
            case VARINT -> readVarint();
            case FIXED_64 -> advance(8);
            case BYTES -> length();
            case FIXED_32 -> advance(4);
            default -> throw malformed("wire type " + wireType);
        }
    }

    /** The exception for something wrong just before the byte that would be read next. */
    IOException malformed(String what) {
        return new IOException(
                "%s is not a SentencePiece model, or is damaged: %s before byte %d"
                        .formatted(file, what, position));
    }

    private void require(int expected) throws IOException {
        if (wireType != expected) {
            throw malformed(
                    "field %d with wire type %d instead of %d"
                            .formatted(field, wireType, expected));
        }
    }

    /** Reads a length, moves behind that many bytes and returns where they start. */
    private int length() throws IOException {
        long length = readVarint();
        int start = position;
        advance(length);
        return start;
    }

    private void advance(long bytes) throws IOException {
        if (bytes < 0 || bytes > end - position) {
            throw malformed(
                    "%s bytes announced, %d left,"
                            .formatted(Long.toUnsignedString(bytes), end - position));
        }
        position += (int) bytes;
    }

    private long readVarint() throws IOException {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (position == end) {
                throw malformed("a number without an end");
            }
            byte b = data[position++];
            value |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return value;
            }
        }
        throw malformed("a number of more than 64 bits");
    }
}
