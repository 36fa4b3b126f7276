package io.github.baichuanreward.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A table whose numbers lead out of it would end the process; each is refused. */
class CharacterTableTest {
    private static final int UNITS = 256;

    /** Where the text "a" leads to: the root's offset is 1. */
    private static final int NODE = 1 ^ 'a';

    /** Where the node's offset of 7 leads to: the value. */
    private static final int LEAF = NODE ^ 7;

    /** A table that replaces "a" by "b". */
    private static ByteBuffer table() {
        ByteBuffer table =
                ByteBuffer.allocate(4 + 4 * UNITS + 2)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(0, 4 * UNITS);
        unit(table, 0, 1 << 10);
        unit(table, NODE, 7 << 10 | 1 << 8 | 'a');
        unit(table, LEAF, 0x8000_0000);
        return table.put(4 + 4 * UNITS, (byte) 'b');
    }

    private static void unit(ByteBuffer table, int index, int unit) {
        table.putInt(4 + 4 * index, unit);
    }

    private static ByteBuffer cut(ByteBuffer table, int bytes) {
        return table.limit(bytes);
    }

    @Test
    void aSoundTableAndAnEmptyOneAreAccepted() {
        assertThat(CharacterTable.isSound(table())).isTrue();
        assertThat(CharacterTable.isSound(ByteBuffer.allocate(0))).isTrue();
    }

    @Test
    void sentencePieceReadsTheTestTableInTheSameWay(@TempDir Path folder) throws IOException {
        Path file = ModelBytes.demoWith(folder, ModelBytes.characterTable(table().array()));
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            assertThat(tokenizer.encode("xay")).isEqualTo(tokenizer.encode("xby"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 7, 8, 4 + 4 * UNITS})
    void aTableThatIsCutIsRefused(int bytes) {
        assertThat(CharacterTable.isSound(cut(table(), bytes))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 4 * UNITS - 4, 4 * UNITS + 2, Integer.MAX_VALUE, -1})
    void aTreeOfAnotherLengthIsRefused(int bytes) {
        assertThat(CharacterTable.isSound(table().putInt(0, bytes))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {0x7ffffd00, 256 << 10, 1 << 10 | 1 << 9, -1, 0xfffffc00})
    void aRootThatLeadsOutIsRefused(int root) {
        ByteBuffer table = table();
        unit(table, 0, root);
        assertThat(CharacterTable.isSound(table)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {256 << 10, 0x1fffff << 10, 1 << 10 | 1 << 9})
    void aUnitThatLeadsOutIsRefused(int offset) {
        ByteBuffer table = table();
        unit(table, NODE, offset | 'a');
        assertThat(CharacterTable.isSound(table)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 0x7fff_ffff})
    void aReplacementBehindTheEndIsRefused(int value) {
        ByteBuffer table = table();
        unit(table, LEAF, value | 0x8000_0000);
        assertThat(CharacterTable.isSound(table)).isFalse();
    }

    @Test
    void replacementsWithoutAnEndAreRefused() {
        ByteBuffer table = table();
        table.put(table.limit() - 1, (byte) 'c');
        assertThat(CharacterTable.isSound(table)).isFalse();
    }

    @Test
    void aModelWithADamagedTableIsRefusedWithItsName() throws IOException {
        byte[] damaged = table().putInt(4, 0x7ffffd00).array();
        byte[] model = ModelBytes.concat(ModelBytes.demo(), ModelBytes.characterTable(damaged));
        assertThatThrownBy(() -> SentencePieceModel.parse("x.model", model))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("x.model is not a SentencePiece model, or is damaged")
                .hasMessageContaining("a table of characters that leads out of itself");
    }

    /** Whatever is accepted, a walk as SentencePiece's own stays inside. */
    @Test
    void noAcceptedTableLeadsAWalkOut() {
        Random random = new Random(7);
        int accepted = 0;
        for (int round = 0; round < 20_000; round++) {
            ByteBuffer table = table();
            for (int i = 0; i < 3; i++) {
                int unit = random.nextInt(8) == 0 ? 0 : random.nextInt(UNITS);
                unit(table, unit, random.nextInt() >>> random.nextInt(32));
            }
            if (CharacterTable.isSound(table)) {
                accepted++;
                walk(table, random);
            }
        }
        assertThat(accepted).isBetween(1_000, 19_000);
    }

    private static void walk(ByteBuffer table, Random random) {
        int at = offset(table, 0);
        for (int step = 0; step < 50; step++) {
            // The byte that leads on, where one does.
            int next = random.nextInt(256);
            for (int b = 0; b < 256; b++) {
                int label = table.getInt(4 + 4 * (at ^ b)) & 0x8000_00ff;
                next = label == b ? b : next;
            }
            at ^= next;
            int unit = table.getInt(4 + 4 * at);
            if ((unit & 0x8000_00ff) != next) {
                return;
            }
            at ^= offset(table, at);
            if ((unit >> 8 & 1) == 1) {
                int value = table.getInt(4 + 4 * at) & 0x7fff_ffff;
                assertThat(value).isLessThan(table.limit() - 4 - 4 * UNITS);
            }
            assertThat(at).isBetween(0, UNITS - 1);
        }
    }

    private static int offset(ByteBuffer table, int index) {
        int unit = table.getInt(4 + 4 * index);
        return unit >>> 10 << ((unit & 1 << 9) >>> 6);
    }
}
