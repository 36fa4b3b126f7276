"""Makes golden.jsonl: texts with the ids that plain SentencePiece (its own Python binding) gives them with the demo tokenizer.

  apt-get install python3-sentencepiece
  python3 make_golden.py ../../../../../dist/demo-model/model/tokenizer.model > golden.jsonl

The first line says which version and which tokenizer made the ids; the others are {"text", "ids"}, without bos and eos.
"""
import hashlib, json, sys
import sentencepiece

LONG_ZH = "量子计算机利用量子叠加来进行计算，喝茶可以提神醒脑。"
LONG_EN = "The sun is a star at the center of our solar system. "

TEXTS = [
    # Chinese, English, both
    "", "你好", "中国的首都是北京。", "春节有哪些传统习俗？", "《红楼梦》的作者是清代作家曹雪芹。", "龘靐齉爩鱻麤", "繁體中文與简体中文", "你好，世界！Hello, world!",
    "What is the capital of France?", "I don't know", "antidisestablishmentarianism", "HTTP/1.1 404 Not Found", "x", "，", "我用Python写了a+b=c",
    # numbers and code
    "0", "3.14159", "2023年7月31日 12:30", "H2O是水的化学式", "for (int i = 0; i < n; i++) {\n\tsum += a[i];\n}", "a == b && c != d || !e", "价格：￥1,234.56（含税）；订单№１２３",
    # white space: at the ends, in rows, of every kind
    " ", "   ", " 你好", "你好 ", " a  b   c ", "\n", "\n\n\n", "a\nb", "a\r\nb", "a\tb\t\tc", "a\u00a0b\u3000c\u2003d\u200be", "\ufeffBOM", "　全角空格　",
    # full-width and compatibility forms, combining marks
    "ＡＢＣ１２３！？（）：；", "①②③ ㈱ ℃ ㎏ ﬁ ½", "e\u0301 é", "ｶﾀｶﾅ カタカナ 한국어 ไทย العربية", "ÅÄÖ ß ĳ Ǆ",
    # emoji and other characters outside the basic plane, byte fallback
    "😀", "你好😀世界🌏", "👨‍👩‍👧‍👦🏳️‍🌈", "𠀀𠮷𡃁", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚", "ꙮ⸻𒈙", "\U0010ffff",
    # control characters
    "\x00", "a\x00b", "\x01", "a\x01\x02b", "a\x7fb", "a\u0085b\u2028c\u2029d", "\u00ad", "\ufffd", "a\u202eb",
    # special strings inside a text: what the file itself makes of them
    "<s>你好</s>", "<unk>", "<0x0A>", "<reserved_3>", "a<reserved_0>b<reserved_9>c", "＜reserved_3＞", "<reserved_\x013>", "<res\x7ferved_3>", "<reserved_10>",
    "<RESERVED_3>", "</reserved_3>", "▁", "a▁b", "Human: 你好\nAssistant: ",
    # long ones
    LONG_ZH * 40, LONG_EN * 40, (LONG_ZH + LONG_EN + "😀\n") * 25, "哈" * 700, " " * 300, "a" * 500,
]


def main():
    model = sys.argv[1]
    data = open(model, "rb").read()
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    print(json.dumps({"made_by": "make_golden.py", "sentencepiece": sentencepiece.__version__, "tokenizer_sha256": hashlib.sha256(data).hexdigest()}))
    assert len(set(TEXTS)) == len(TEXTS)
    for text in TEXTS:
        # ASCII only: editors and version control see no strange characters
        print(json.dumps({"text": text, "ids": processor.encode(text)}))


main()
