# ruff: noqa: RUF001 - other languages have letters that look like ours
"""Sentences of kinds that word lists and small models get wrong; none is from a data set. Nobody may train on them."""

FINANCE = [
    ("Operating profit rose to EUR 13.1 million from EUR 8.7 million.", "positive"),
    ("Costs declined sharply.", "positive"),
    ("The bank will lay off 400 people.", "negative"),
    ("Pretax earnings came in well above last year's figure.", "positive"),
    ("Sales at stores open for at least a year sank 7 %.", "negative"),
    ("The group's debt burden has eased considerably.", "positive"),
    ("Its losses deepened in the spring quarter.", "negative"),
    ("Fewer borrowers are behind on their payments.", "positive"),
    ("The brewer lowered its guidance for the second time since summer.", "negative"),
    ("Joblessness hit a record high in the region.", "negative"),
    ("Order books are fuller than ever.", "positive"),
    ("The factory has been idle since suppliers stopped deliveries.", "negative"),
    ("Margins improved thanks to cheaper cotton.", "positive"),
    ("The deal is subject to approval by the authorities.", "neutral"),
    ("Net sales for the period were EUR 54 million.", "neutral"),
    ("The firm supplies cables to shipyards in Northern Europe.", "neutral"),
]

WAITING = [
    ("I've been waiting for a reply since Tuesday.", "negative"),
    ("Five emails and still no answer from your team.", "negative"),
    ("The plumber was meant to come at eight; it's now four.", "negative"),
    ("Nobody has rung me back.", "negative"),
    ("My order has been stuck at the depot for nine days.", "negative"),
    ("Is anyone going to look at my ticket?", "negative"),
    ("Could you tell me which platform the train leaves from?", "neutral"),
    ("Please let us know by Thursday if you are coming.", "neutral"),
    ("I'm waiting outside the bakery.", "neutral"),
    ("Would it be possible to move the appointment to the afternoon?", "neutral"),
    ("They got back to me in ten minutes and it was all settled.", "positive"),
    ("We hardly had to queue and the kids were thrilled.", "positive"),
]

DENIAL = [
    ("I can't say I was disappointed.", "positive"),
    ("There is nothing I would change about it.", "positive"),
    ("It could hardly be any better.", "positive"),
    ("We didn't have a single bad meal.", "positive"),
    ("You'd be hard pressed to find a flaw.", "positive"),
    ("I wasn't unhappy with the result at all.", "positive"),
    ("Not once did I feel unwelcome.", "positive"),
    ("There was hardly anything worth watching.", "negative"),
    ("I wouldn't wish this ride on my worst enemy.", "negative"),
    ("Don't expect anyone to be polite here.", "negative"),
    ("None of it made the slightest sense.", "negative"),
    ("I can think of nothing pleasant to report.", "negative"),
]

COMPARISON = [
    ("It is no better than the free one.", "negative"),
    ("My old vacuum did a finer job.", "negative"),
    ("I've rarely eaten anything worse.", "negative"),
    ("A brick would take sharper photos.", "negative"),
    ("The second part doesn't reach the level of the first.", "negative"),
    ("Their rivals do the same for half the price and with a smile.", "negative"),
    ("This one leaves all the others in the dust.", "positive"),
    ("I have rarely eaten anything better.", "positive"),
    ("It works just as well as the brand that costs three times more.", "positive"),
    ("Life here is so much easier than it was in the old flat.", "positive"),
    ("This box is deeper than that one.", "neutral"),
    ("Is the blue one longer than the green one?", "neutral"),
]

IDIOM = [
    ("That burger was sick.", "positive"),
    ("The drummer totally nailed it.", "positive"),
    ("This little cafe is a hidden gem.", "positive"),
    ("Her cooking is finger-licking good.", "positive"),
    ("My new sneakers are straight fire.", "positive"),
    ("We laughed our heads off.", "positive"),
    ("That ending gave me chills, in the best way.", "positive"),
    ("The whole project went pear-shaped.", "negative"),
    ("Their promises aren't worth the paper they're written on.", "negative"),
    ("He really got under my skin.", "negative"),
    ("The sequel jumped the shark.", "negative"),
    ("I've had it with this bank.", "negative"),
    ("That bill cost me a fortune.", "negative"),
    ("Let's put a pin in it until Monday.", "neutral"),
]

SARCASM = [
    ("What a lovely surprise: a bill for a service I cancelled in March.", "negative"),
    ("Wow, only four hours late, what an achievement.", "negative"),
    ("Sure, take your time, it's not as if I had a job.", "negative"),
    ("I simply adore paying twice for the same ticket.", "negative"),
    ("How kind of the airline to send my bag to another continent.", "negative"),
    ("Top-notch security, everyone's passwords are on the internet.", "negative"),
    ("Great, the one day I forget my umbrella.", "negative"),
    ("Amazing how a brand-new car can break down on day one.", "negative"),
    ("How kind of the airline to move us to the front row for free.", "positive"),
    ("I simply adore waking up to the smell of fresh bread.", "positive"),
    ("Amazing how quickly the whole street came to help us.", "positive"),
    ("What a lovely surprise: all my friends in one room.", "positive"),
]

CONSTRUCTIONS = {
    "finance": FINANCE,
    "waiting": WAITING,
    "double negation": DENIAL,
    "comparison": COMPARISON,
    "idiom": IDIOM,
    "sarcasm": SARCASM,
}
"""Kind → sentences with the label that a reader would give."""

NO_LANGUAGE = [
    "",
    "   \n\t ",
    "...",
    "。",
    "🦖",
    "?!?!",
    "xqzt wvkp jjrq zzmn",
    "\u200b\u200d\ufe0f",
    "asdkjh qwpoei zmxnb",
    "== -- == -- ==",
    "lkjlkj fdsfds",
    "#####",
]

OTHER_SCRIPTS = [
    "Привет, Жанна! Мне здесь нравится.",
    "これは本当に素晴らしい映画でした。",
    "هذا المنتج سيء جدا",
    "ฉันไม่ชอบร้านนี้เลย",
    "这家餐厅的服务太差了。",
    "이 영화 정말 재미있었어요.",
    "Το φαγητό ήταν υπέροχο.",
    "האוכל היה נורא",
    "यह होटल बहुत अच्छा था।",
    "Це було жахливо.",
    "მომწონს ეს ადგილი.",
    "இந்த படம் மிகவும் நன்றாக இருந்தது.",
]

LATIN_LETTERS = [
    "Das Essen war leider kalt und der Kellner unfreundlich.",
    "Wir hatten einen wunderschönen Abend mit Freunden.",
    "Die Lieferung kam pünktlich an.",
    "Bu restoran gerçekten çok güzeldi.",
    "Ürün bozuk geldi, çok kötü bir deneyimdi.",
    "Yarın saat dokuzda toplantımız var.",
    "Le service était vraiment catastrophique.",
    "J'ai adoré ce film, merci beaucoup !",
    "La comida estaba deliciosa y el personal fue muy amable.",
    "No me gustó nada el hotel, estaba muy sucio.",
    "Il treno parte alle nove dal binario tre.",
    "Che peccato, mi aspettavo molto di più.",
    "O atendimento foi péssimo e nunca mais volto.",
    "Adorei a viagem, foi tudo perfeito.",
    "De trein vertrekt om half negen.",
    "Wat een geweldige avond was dat!",
    "Jestem bardzo zadowolony z zakupu.",
    "To był najgorszy film, jaki widziałem.",
    "Maten var fantastisk og betjeningen hyggelig.",
    "Tämä oli huonoin elokuva pitkään aikaan.",
    "Jag är så besviken på den här telefonen.",
    "Nagyon tetszett az előadás, köszönjük!",
    "Jídlo bylo studené a drahé.",
    "Mâncarea a fost excelentă.",
    "Pelayanannya sangat buruk dan lambat.",
    "Tôi rất thích cuốn sách này.",
    "Maden var dejlig, og vi kommer gerne igen.",
    "Filmen var kedelig og alt for lang.",
    "Perkhidmatan di hotel ini sangat teruk.",
    "Ang sarap ng pagkain dito, babalik kami.",
    "Chakula kilikuwa kizuri sana.",
    "Ushqimi ishte shumë i keq.",
]
"""Danish, Malay, Filipino, Swahili and Albanian are at the end: no word list of theirs is trained on."""

UNREADABLE = {"no language": NO_LANGUAGE, "other scripts": OTHER_SCRIPTS, "other languages": LATIN_LETTERS}
"""Kind → texts about which nothing can be said."""
