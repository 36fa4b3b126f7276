package io.github.baichuanreward.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The tokens of a C++ text, without comments and preprocessor lines. */
final class CppTokens {

    /** A name, number, literal or operator, and where it begins. */
    record Token(String text, int start) {

        int end() {
            return start + text.length();
        }

        boolean isName() {
            return Character.isLetter(text.charAt(0)) || text.charAt(0) == '_';
        }
    }

    private static final Pattern TOKEN =
            Pattern.compile(
                    // What is skipped: blanks, comments, preprocessor lines with their
                    // continuations.
                    "\\s+|//[^\n]*|/\\*(?s:.*?)\\*/|(?m:^)[ \t]*#(?:\\\\\r?\n|[^\n])*"
                            + "|([A-Za-z_]\\w*|\\.?\\d(?:[\\w.']|[eEpP][+-])*"
                            + "|\"(?:\\\\.|[^\"\\\\])*\"|'(?:\\\\.|[^'\\\\])*'"
                            + "|<<=|>>=|<<|<=|>=|&&|\\|\\||==|!=|->|::|\\+\\+|--|[-+*/%&|^]="
                            + "|.)",
                    Pattern.DOTALL);

    private CppTokens() {}

    /** Splits a text; {@code >>} gives two tokens, since it may close two lists of a template. */
    static List<Token> of(String text) {
        List<Token> tokens = new ArrayList<>();
        Matcher match = TOKEN.matcher(text);
        while (match.find()) {
            if (match.group(1) != null) {
                tokens.add(new Token(match.group(1), match.start(1)));
            }
        }
        return tokens;
    }
}
