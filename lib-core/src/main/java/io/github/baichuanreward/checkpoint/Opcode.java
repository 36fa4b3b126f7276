package io.github.baichuanreward.checkpoint;

import java.util.Map;

/** The pickle instructions that are carried out, and the names of those that are refused. */
final class Opcode {
    static final int MARK = '(';
    static final int EMPTY_TUPLE = ')';
    static final int STOP = '.';
    static final int BINFLOAT = 'G';
    static final int BININT = 'J';
    static final int BININT1 = 'K';
    static final int BININT2 = 'M';
    static final int NONE = 'N';
    static final int BINPERSID = 'Q';
    static final int REDUCE = 'R';
    static final int BINUNICODE = 'X';
    static final int EMPTY_LIST = ']';
    static final int APPEND = 'a';
    static final int BUILD = 'b';
    static final int GLOBAL = 'c';
    static final int APPENDS = 'e';
    static final int BINGET = 'h';
    static final int LONG_BINGET = 'j';
    static final int BINPUT = 'q';
    static final int LONG_BINPUT = 'r';
    static final int SETITEM = 's';
    static final int TUPLE = 't';
    static final int SETITEMS = 'u';
    static final int EMPTY_DICT = '}';
    static final int PROTO = 0x80;
    static final int TUPLE1 = 0x85;
    static final int TUPLE2 = 0x86;
    static final int TUPLE3 = 0x87;
    static final int NEWTRUE = 0x88;
    static final int NEWFALSE = 0x89;
    static final int LONG1 = 0x8a;
    static final int SHORT_BINUNICODE = 0x8c;
    static final int BINUNICODE8 = 0x8d;
    static final int STACK_GLOBAL = 0x93;
    static final int MEMOIZE = 0x94;
    static final int FRAME = 0x95;

    private static final Map<Integer, String> REFUSED =
            Map.ofEntries(
                    Map.entry(0x80, "PROTO"),
                    Map.entry(0x81, "NEWOBJ"),
                    Map.entry(0x82, "EXT1"),
                    Map.entry(0x83, "EXT2"),
                    Map.entry(0x84, "EXT4"),
                    Map.entry(0x8b, "LONG4"),
                    Map.entry(0x8e, "BINBYTES8"),
                    Map.entry(0x8f, "EMPTY_SET"),
                    Map.entry(0x90, "ADDITEMS"),
                    Map.entry(0x91, "FROZENSET"),
                    Map.entry(0x92, "NEWOBJ_EX"),
                    Map.entry(0x96, "BYTEARRAY8"),
                    Map.entry(0x97, "NEXT_BUFFER"),
                    Map.entry(0x98, "READONLY_BUFFER"),
                    Map.entry((int) '0', "POP"),
                    Map.entry((int) '1', "POP_MARK"),
                    Map.entry((int) '2', "DUP"),
                    Map.entry((int) 'B', "BINBYTES"),
                    Map.entry((int) 'C', "SHORT_BINBYTES"),
                    Map.entry((int) 'F', "FLOAT"),
                    Map.entry((int) 'I', "INT"),
                    Map.entry((int) 'L', "LONG"),
                    Map.entry((int) 'P', "PERSID"),
                    Map.entry((int) 'S', "STRING"),
                    Map.entry((int) 'T', "BINSTRING"),
                    Map.entry((int) 'U', "SHORT_BINSTRING"),
                    Map.entry((int) 'V', "UNICODE"),
                    Map.entry((int) 'd', "DICT"),
                    Map.entry((int) 'g', "GET"),
                    Map.entry((int) 'i', "INST"),
                    Map.entry((int) 'l', "LIST"),
                    Map.entry((int) 'o', "OBJ"),
                    Map.entry((int) 'p', "PUT"));

    private Opcode() {}

    /** Name and number of an instruction that is not carried out. */
    static String name(int opcode) {
        return String.format("%s (0x%02x)", REFUSED.getOrDefault(opcode, "unknown"), opcode);
    }
}
