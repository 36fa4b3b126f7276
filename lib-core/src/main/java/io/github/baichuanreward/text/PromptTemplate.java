package io.github.baichuanreward.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How a dialogue and an answer become the one sequence of ids that a reward model scores.
 *
 * <p>A model is scored with the template it was trained with; with another one its rewards mean
 * little. The ids are those of LLaMA-Efficient-Tuning in July 2023, with which Baichuan-13B reward
 * models were trained: the ids of the prompt, then the ids of the answer, which is encoded on its
 * own, then eos; no bos. The text that users wrote cannot bring in role or control tokens.
 */
public enum PromptTemplate {

    /** A sentence about the assistant, then {@code Human: } and {@code Assistant: } lines. */
    DEFAULT,

    /**
     * {@code <reserved_102>} before what the user said and {@code <reserved_103>} before what the
     * assistant says, as ids; the texts between them are encoded one by one. For chat models.
     */
    BAICHUAN,

    /**
     * The same with the role tokens of Baichuan 2, {@code <reserved_106>} and {@code
     * <reserved_107>}.
     */
    BAICHUAN2,

    /** The prompt alone; it has no place for earlier turns. */
    VANILLA,

    /** Prompt and answer encoded as one string; no earlier turns, and no limits. */
    RAW;

    /** The limit that cuts nothing. */
    public static final int UNLIMITED = Integer.MAX_VALUE;

    private static final String SYSTEM =
            "A chat between a curious user and an artificial intelligence assistant. "
                    + "The assistant gives helpful, detailed, and polite answers to the user's"
                    + " questions.";

    /**
     * Returns the template of a name as users write it: {@code default}, {@code baichuan}, {@code
     * baichuan2}, {@code vanilla} or {@code raw}.
     *
     * @throws IllegalArgumentException if there is none of that name; the message lists the names
     */
    public static PromptTemplate named(String name) {
        for (PromptTemplate template : values()) {
            if (template.toString().equals(name)) {
                return template;
            }
        }
        throw new IllegalArgumentException(
                "there is no template \"%s\"; the templates are %s"
                        .formatted(
                                name,
                                Arrays.stream(values())
                                        .map(PromptTemplate::toString)
                                        .collect(Collectors.joining(", "))));
    }

    /**
     * Encodes an answer with the dialogue that it ends.
     *
     * <p>What is longer than a limit loses its end: of the prompt the first {@code maxSourceLength}
     * ids are kept, of the answer the first {@code maxTargetLength - 1}. The final eos is never
     * lost.
     *
     * @param tokenizer what encodes the texts
     * @param dialogue what was said before the answer: question, answer, ..., question; an odd
     *     number, the last is the prompt
     * @param answer what is scored; not empty
     * @param maxSourceLength the most ids of the prompt, with its template; at least 1, or {@link
     *     #UNLIMITED}
     * @param maxTargetLength the most ids of the answer, with its eos; at least 2 (with 1 the eos
     *     alone would be left, and every answer would have the same reward), or {@link #UNLIMITED}
     * @throws IllegalArgumentException if a limit is too small or not possible with this template,
     *     if the dialogue has an even number of texts or earlier turns that this template has no
     *     place for, if the answer is empty or the tokenizer gives it no ids, if a text cannot be
     *     encoded ({@link Tokenizer#encode}), or if the tokenizer lacks the template's role tokens
     * @throws IllegalStateException if the tokenizer is closed
     */
    public EncodedAnswer encode(
            Tokenizer tokenizer,
            List<String> dialogue,
            String answer,
            int maxSourceLength,
            int maxTargetLength) {
        requireLimits(maxSourceLength, maxTargetLength);
        checkTexts(dialogue, answer);
        int[] answerIds = tokenizer.encode(answer);
        if (answerIds.length == 0) {
            throw new IllegalArgumentException(
                    "answer has no tokens: the tokenizer drops all of its %d chars"
                            .formatted(answer.length()));
        }
        String prompt = dialogue.get(dialogue.size() - 1);
        if (this == RAW) {
            int[] ids = tokenizer.encode(prompt + answer);
            return new EncodedAnswer(join(ids, new int[] {tokenizer.eos()}), 0, false);
        }
        int[] promptIds = promptIds(tokenizer, dialogue);
        int promptTokens = Math.min(promptIds.length, maxSourceLength);
        int answerTokens = Math.min(answerIds.length, maxTargetLength - 1);
        int[] ids =
                join(
                        Arrays.copyOf(promptIds, promptTokens),
                        Arrays.copyOf(answerIds, answerTokens),
                        new int[] {tokenizer.eos()});
        boolean truncated = promptTokens < promptIds.length || answerTokens < answerIds.length;
        return new EncodedAnswer(ids, promptTokens, truncated);
    }

    /** Returns the name as users write it, in lower case. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    private int[] promptIds(Tokenizer tokenizer, List<String> dialogue) {
        return switch (this) {
            case DEFAULT -> tokenizer.encode(defaultPrompt(dialogue));
            case BAICHUAN -> rolesPrompt(tokenizer, dialogue, "<reserved_102>", "<reserved_103>");
            case BAICHUAN2 -> rolesPrompt(tokenizer, dialogue, "<reserved_106>", "<reserved_107>");
            case VANILLA, RAW -> tokenizer.encode(dialogue.get(0));
        };
    }

    private static String defaultPrompt(List<String> dialogue) {
        StringBuilder text = new StringBuilder(SYSTEM);
        for (int i = 0; i < dialogue.size(); i++) {
            text.append(i % 2 == 0 ? "\nHuman: " : "\nAssistant: ").append(dialogue.get(i));
        }
        return text.append("\nAssistant: ").toString();
    }

    private int[] rolesPrompt(
            Tokenizer tokenizer, List<String> dialogue, String userPiece, String assistantPiece) {
        int[] user = role(tokenizer, userPiece);
        int[] assistant = role(tokenizer, assistantPiece);
        List<int[]> parts = new ArrayList<>();
        for (int i = 0; i < dialogue.size(); i++) {
            parts.add(i % 2 == 0 ? user : assistant);
            parts.add(tokenizer.encode(dialogue.get(i)));
        }
        parts.add(assistant);
        return join(parts.toArray(int[][]::new));
    }

    private int[] role(Tokenizer tokenizer, String piece) {
        OptionalInt id = tokenizer.id(piece);
        if (id.isEmpty()) {
            throw new IllegalArgumentException(
                    "template %s needs the token %s, which this tokenizer does not have: it is"
                                    .formatted(this, piece)
                            + " not a Baichuan tokenizer; choose another template");
        }
        return new int[] {id.getAsInt()};
    }

    /**
     * Checks limits before there is anything to encode.
     *
     * @throws IllegalArgumentException if a limit is too small or not possible with this template
     */
    public void requireLimits(int maxSourceLength, int maxTargetLength) {
        if (maxSourceLength < 1) {
            throw new IllegalArgumentException(
                    "maxSourceLength is %d; it must be at least 1".formatted(maxSourceLength));
        }
        if (maxTargetLength < 2) {
            throw new IllegalArgumentException(
                    "maxTargetLength is %d; it must be at least 2: one token of the answer and the"
                                    .formatted(maxTargetLength)
                            + " final eos");
        }
        if (this == RAW && (maxSourceLength != UNLIMITED || maxTargetLength != UNLIMITED)) {
            throw new IllegalArgumentException(
                    "template raw encodes prompt and answer as one string, so there is nothing to"
                            + " cut: it takes neither maxSourceLength nor maxTargetLength");
        }
    }

    private void checkTexts(List<String> dialogue, String answer) {
        if (dialogue.size() % 2 == 0) {
            throw new IllegalArgumentException(
                    "dialogue has %d texts; it must have an odd number, the last is the prompt"
                            .formatted(dialogue.size()));
        }
        if (dialogue.size() > 1 && (this == VANILLA || this == RAW)) {
            throw new IllegalArgumentException(
                    "template %s has no place for history, and there are %d earlier turns; choose"
                                    .formatted(this, dialogue.size() / 2)
                            + " template default or baichuan");
        }
        int last = dialogue.size() - 1;
        for (int i = 0; i < last; i++) {
            String name = "history[%d] %s".formatted(i / 2, i % 2 == 0 ? "prompt" : "answer");
            Tokenizer.requireText(name, dialogue.get(i));
        }
        Tokenizer.requireText("prompt", dialogue.get(last));
        Tokenizer.requireText("answer", answer);
        if (answer.isEmpty()) {
            throw new IllegalArgumentException("answer is empty");
        }
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(IntStream::of).toArray();
    }
}
