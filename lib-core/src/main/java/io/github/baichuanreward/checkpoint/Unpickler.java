package io.github.baichuanreward.checkpoint;

import io.github.baichuanreward.checkpoint.TorchObjects.PickledTuple;
import io.github.baichuanreward.checkpoint.TorchObjects.Refused;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a pickle of tensors, protocols 2 to 5, and nothing more.
 *
 * <p>A pickle is a program for a stack machine. This machine knows the instructions that build
 * strings, numbers, tuples, lists and dictionaries, and calls nothing but the few names of {@link
 * TorchObjects}; any other instruction or name ends the reading. Python strings become {@link
 * String}, numbers {@link Long} or {@link Double}, booleans {@link Boolean}, lists {@link List},
 * dictionaries {@link Map}, None {@link #NONE}.
 *
 * <p>Time and memory are bounded by the length of the pickle and the limits below. Containers may
 * hold themselves: nothing here walks through them.
 */
final class Unpickler {
    /** Most objects that one pickle may make; a tensor takes about 20. */
    static final int MAX_OBJECTS = 2_000_000;

    /**
     * Most objects that may wait on the stack; Python's pickler keeps below 2,100 for a flat
     * dictionary.
     */
    static final int MAX_STACK = 100_000;

    /** Most objects that may be remembered for reuse. */
    static final int MAX_MEMO = 1_000_000;

    /** Longest string, in bytes of UTF-8. */
    static final int MAX_STRING_BYTES = 65_536;

    /** Python's None. */
    static final Object NONE = new Object();

    static final int MIN_PROTOCOL = 2;
    static final int MAX_PROTOCOL = 5;

    private static final String CUT =
            "ends in the middle of an instruction; the file has been cut short";

    private final ByteBuffer in;
    private final String where;
    private final PersistentIds ids;
    private final String beyond;
    private final List<Object> stack = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final Map<Integer, Object> memo = new HashMap<>();
    private int objects;
    private int opcodeAt;

    private Unpickler(ByteBuffer in, String where, PersistentIds ids, String beyond) {
        this.in = in;
        this.where = where;
        this.ids = ids;
        this.beyond = beyond;
    }

    /** What a persistent id stands for: something that lies outside the pickle. */
    interface PersistentIds {
        Object load(Object id) throws Refused;
    }

    /**
     * Reads the one object of a pickle.
     *
     * @param pickle little-endian; all of it must be the pickle
     * @param where file and entry, for messages
     * @throws CheckpointException if anything but data is asked for, or the pickle is damaged or
     *     too large; names the instruction and its place
     */
    static Object read(ByteBuffer pickle, String where) throws CheckpointException {
        Unpickler unpickler = new Unpickler(pickle, where, TorchObjects::storage, CUT);
        Object object = unpickler.read();
        if (pickle.hasRemaining()) {
            throw unpickler.error("goes on behind its end");
        }
        return object;
    }

    /**
     * Reads the one object of a pickle that other bytes may follow.
     *
     * @param in little-endian; stands behind the pickle afterwards
     * @param where file and pickle, for messages, which count bytes from the start of {@code in}
     * @param ids what persistent ids stand for
     * @param beyond what a pickle does that goes on behind the end of {@code in}, for messages
     * @throws CheckpointException as for {@link #read}
     */
    static Object readNext(ByteBuffer in, String where, PersistentIds ids, String beyond)
            throws CheckpointException {
        return new Unpickler(in, where, ids, beyond).read();
    }

    private Object read() throws CheckpointException {
        opcodeAt = in.position();
        if (!in.hasRemaining() || in.get() != (byte) Opcode.PROTO) {
            throw error(
                    "does not begin with a protocol number; this is not a pickle of torch.save");
        }
        int protocol = need(1).get();
        if (protocol < MIN_PROTOCOL || protocol > MAX_PROTOCOL) {
            throw error("is of pickle protocol " + protocol + "; protocols 2 to 5 are read");
        }
        while (true) {
            opcodeAt = in.position();
            need(1);
            int opcode = Byte.toUnsignedInt(in.get());
            if (opcode == Opcode.STOP) {
                return result();
            }
            try {
                execute(opcode);
            } catch (Refused e) {
                throw error(e.reason());
            }
            if (stack.size() + marks.size() > MAX_STACK) {
                throw error("keeps more than " + MAX_STACK + " objects on the stack");
            }
        }
    }

    private Object result() throws CheckpointException {
        if (stack.size() != 1 || !marks.isEmpty()) {
            throw error("stops with " + stack.size() + " objects on the stack instead of one");
        }
        return stack.get(0);
    }

    /** Instructions that work on what is on the stack. */
    private void execute(int opcode) throws CheckpointException, Refused {
        switch (opcode) {
            case Opcode.FRAME -> frame();
            case Opcode.MARK -> marks.add(stack.size());
            case Opcode.TUPLE -> push(new PickledTuple(popToMark()));
            case Opcode.TUPLE1 -> push(new PickledTuple(pop(1)));
            case Opcode.TUPLE2 -> push(new PickledTuple(pop(2)));
            case Opcode.TUPLE3 -> push(new PickledTuple(pop(3)));
            case Opcode.APPEND -> append(pop(1));
            case Opcode.APPENDS -> append(popToMark());
            case Opcode.SETITEM -> setItems(pop(2));
            case Opcode.SETITEMS -> setItems(popToMark());
            case Opcode.GLOBAL -> push(TorchObjects.global(line(), line()));
            case Opcode.STACK_GLOBAL -> stackGlobal(pop(2));
            case Opcode.BINPERSID -> push(ids.load(pop(1).get(0)));
            case Opcode.REDUCE -> reduce(pop(2));
            case Opcode.BUILD -> build(pop(1).get(0));
            case Opcode.BINPUT -> remember(Byte.toUnsignedInt(need(1).get()));
            case Opcode.LONG_BINPUT -> remember(need(4).getInt());
            case Opcode.MEMOIZE -> remember(memo.size());
            case Opcode.BINGET -> recall(Byte.toUnsignedInt(need(1).get()));
            case Opcode.LONG_BINGET -> recall(need(4).getInt());
            default -> literal(opcode);
        }
    }

    /** Instructions that push a new object. */
    private void literal(int opcode) throws CheckpointException {
        switch (opcode) {
            case Opcode.NONE -> push(NONE);
            case Opcode.NEWTRUE -> push(true);
            case Opcode.NEWFALSE -> push(false);
            case Opcode.BININT1 -> push((long) Byte.toUnsignedInt(need(1).get()));
            case Opcode.BININT2 -> push((long) Short.toUnsignedInt(need(2).getShort()));
            case Opcode.BININT -> push((long) need(4).getInt());
            case Opcode.LONG1 -> push(longInteger());
            case Opcode.BINFLOAT ->
                    push(Double.longBitsToDouble(Long.reverseBytes(need(8).getLong())));
            case Opcode.SHORT_BINUNICODE -> push(string(Byte.toUnsignedInt(need(1).get())));
            case Opcode.BINUNICODE -> push(string(Integer.toUnsignedLong(need(4).getInt())));
            case Opcode.BINUNICODE8 -> push(string(need(8).getLong()));
            case Opcode.EMPTY_TUPLE -> push(new PickledTuple(List.of()));
            case Opcode.EMPTY_LIST -> push(new ArrayList<>());
            case Opcode.EMPTY_DICT -> push(new LinkedHashMap<>());
            default ->
                    throw error(
                            "uses instruction "
                                    + Opcode.name(opcode)
                                    + ", which a file of tensors does not need");
        }
    }

    private void frame() throws CheckpointException {
        long length = need(8).getLong();
        if (length < 0 || length > in.remaining()) {
            throw error("has a frame of " + length + " bytes that ends beyond the pickle");
        }
    }

    private void append(List<Object> items) throws CheckpointException {
        if (!(top() instanceof List<?> list)) {
            throw error("appends to " + TorchObjects.describe(top()));
        }
        @SuppressWarnings("unchecked") // made by literal()
        List<Object> target = (List<Object>) list;
        target.addAll(items);
    }

    private void setItems(List<Object> items) throws CheckpointException {
        if (!(top() instanceof Map<?, ?> map) || items.size() % 2 != 0) {
            throw error(
                    "sets " + items.size() + " keys and values of " + TorchObjects.describe(top()));
        }
        @SuppressWarnings("unchecked") // made by literal() or TorchObjects
        Map<Object, Object> target = (Map<Object, Object>) map;
        for (int i = 0; i < items.size(); i += 2) {
            Object key = items.get(i);
            // Hashing a nested tuple can be endless, and numbers among strings of the same hash
            // make
            // a map quadratic: it cannot order the ones against the others.
            if (!(key instanceof String)) {
                throw error(
                        "uses "
                                + TorchObjects.describe(key)
                                + " as a key, where the name of a tensor was expected; save the"
                                + " state dict alone: torch.save(model.state_dict(), FILE)");
            }
            if (target.put(key, items.get(i + 1)) != null) {
                throw error("sets key " + TorchObjects.describe(key) + " twice");
            }
        }
    }

    private void stackGlobal(List<Object> names) throws CheckpointException, Refused {
        if (!(names.get(0) instanceof String module) || !(names.get(1) instanceof String name)) {
            throw error("refers to a global by something else than two strings");
        }
        push(TorchObjects.global(module, name));
    }

    private void reduce(List<Object> call) throws CheckpointException, Refused {
        push(TorchObjects.call(call.get(0), call.get(1)));
    }

    /**
     * Attributes of an OrderedDict: state dicts carry a {@code _metadata} that says nothing about
     * tensors.
     */
    private void build(Object state) throws CheckpointException {
        if (!(top() instanceof Map) || !(state instanceof Map)) {
            throw error(
                    "sets the state of "
                            + TorchObjects.describe(top())
                            + " to "
                            + TorchObjects.describe(state));
        }
    }

    private void remember(int index) throws CheckpointException {
        memo.put(index, top());
        if (memo.size() > MAX_MEMO) {
            throw error("remembers more than " + MAX_MEMO + " objects");
        }
    }

    private void recall(int index) throws CheckpointException {
        Object object = memo.get(index);
        if (object == null) {
            throw error(
                    "recalls object "
                            + Integer.toUnsignedString(index)
                            + ", which it has not remembered");
        }
        stack.add(object);
    }

    private void push(Object object) throws CheckpointException {
        if (++objects > MAX_OBJECTS) {
            throw error("makes more than " + MAX_OBJECTS + " objects");
        }
        stack.add(object);
    }

    private Object top() throws CheckpointException {
        return available(1).get(0);
    }

    private List<Object> pop(int count) throws CheckpointException {
        List<Object> last = available(count);
        List<Object> items = List.copyOf(last);
        last.clear();
        return items;
    }

    private List<Object> popToMark() throws CheckpointException {
        if (marks.isEmpty()) {
            throw error("looks for a mark that is not there");
        }
        List<Object> last = stack.subList(marks.remove(marks.size() - 1), stack.size());
        List<Object> items = List.copyOf(last);
        last.clear();
        return items;
    }

    /** The last objects of the stack; those below a mark cannot be reached. */
    private List<Object> available(int count) throws CheckpointException {
        int floor = marks.isEmpty() ? 0 : marks.get(marks.size() - 1);
        if (stack.size() - floor < count) {
            throw error(
                    "needs "
                            + count
                            + " objects on the stack, where "
                            + (stack.size() - floor)
                            + " are");
        }
        return stack.subList(stack.size() - count, stack.size());
    }

    private long longInteger() throws CheckpointException {
        int length = Byte.toUnsignedInt(need(1).get());
        if (length > Long.BYTES) {
            throw error("holds an integer of " + length + " bytes; at most 8 are read");
        }
        need(length);
        long value = 0;
        for (int i = 0; i < length; i++) {
            value |= (in.get() & 0xffL) << (8 * i);
        }
        int unused = Long.SIZE - 8 * length;
        return length == 0 ? 0 : (value << unused) >> unused;
    }

    private String string(long length) throws CheckpointException {
        if (length < 0 || length > MAX_STRING_BYTES) {
            throw error(
                    "holds a string of "
                            + Long.toUnsignedString(length)
                            + " bytes; the limit is "
                            + MAX_STRING_BYTES);
        }
        need((int) length);
        return decode((int) length);
    }

    /** The rest of a line, without its end. */
    private String line() throws CheckpointException {
        int length = 0;
        while (length < in.remaining() && in.get(in.position() + length) != '\n') {
            if (++length > MAX_STRING_BYTES) {
                throw error("holds a name longer than " + MAX_STRING_BYTES + " bytes");
            }
        }
        need(length + 1);
        String line = decode(length);
        in.get();
        return line;
    }

    private String decode(int length) throws CheckpointException {
        ByteBuffer bytes = in.slice(in.position(), length);
        in.position(in.position() + length);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw error("holds a string that is not UTF-8");
        }
    }

    private ByteBuffer need(int count) throws CheckpointException {
        if (in.remaining() < count) {
            throw error(beyond);
        }
        return in;
    }

    private CheckpointException error(String message) {
        return new CheckpointException(where + ", byte " + opcodeAt + ": the pickle " + message);
    }
}
