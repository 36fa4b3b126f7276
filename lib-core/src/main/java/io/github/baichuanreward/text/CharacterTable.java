package io.github.baichuanreward.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The compiled table by which SentencePiece replaces characters ({@code precompiled_charsmap}).
 *
 * <p>SentencePiece follows the numbers in it unchecked, so a damaged one would end the process,
 * long after loading, with the first text that comes by the damaged place. It holds the length of a
 * tree, the tree, and the replacements, each ended by a zero byte. The tree is a double array of
 * darts-clone: the children of a unit lie at its own index XOR its offset XOR the next byte of the
 * text, and where the text so far has a replacement, a unit at index XOR offset says where that
 * begins.
 */
final class CharacterTable {
    private static final int UNIT_BYTES = 4;
    private static final int HAS_VALUE = 1 << 8;
    private static final int WIDE_OFFSET = 1 << 9;
    private static final int OFFSET_SHIFT = 10;
    private static final int VALUE = 0x7fff_ffff;

    private CharacterTable() {}

    /**
     * Whether every way through the table stays inside it.
     *
     * @param table an empty one replaces nothing
     */
    static boolean isSound(ByteBuffer table) {
        if (!table.hasRemaining()) {
            return true;
        }
        ByteBuffer bytes = table.slice().order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.remaining() < UNIT_BYTES) {
            return false;
        }
        long treeBytes = Integer.toUnsignedLong(bytes.getInt());
        if (treeBytes < UNIT_BYTES
                || treeBytes >= bytes.remaining()
                || bytes.get(bytes.limit() - 1) != 0) {
            return false;
        }
        ByteBuffer tree = bytes.slice(UNIT_BYTES, (int) treeBytes).order(ByteOrder.LITTLE_ENDIAN);
        return staysInside(tree, bytes.remaining() - (int) treeBytes);
    }

    private static boolean staysInside(ByteBuffer tree, int replacementBytes) {
        int units = tree.remaining() / UNIT_BYTES;
        for (int i = 0; i < units; i++) {
            int unit = tree.getInt(i * UNIT_BYTES);
            // One with the highest bit is a value, which no byte of a text leads to as a child.
            if (unit < 0 && i > 0) {
                continue;
            }
            int base = i ^ (unit >>> OFFSET_SHIFT) << ((unit & WIDE_OFFSET) != 0 ? Byte.SIZE : 0);
            if ((base | 0xff) < 0 || (base | 0xff) >= units) {
                return false;
            }
            boolean hasValue = (unit & HAS_VALUE) != 0;
            if (hasValue && (tree.getInt(base * UNIT_BYTES) & VALUE) >= replacementBytes) {
                return false;
            }
        }
        return true;
    }
}
