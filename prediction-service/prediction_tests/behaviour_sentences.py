"""Sentences written for the tests of behaviour; none is from a data set. Nobody may train on them."""

NEGATION = [
    ("The soup was not good.", "negative"),
    ("I wouldn't recommend this hotel to anyone.", "negative"),
    ("There is nothing I like about the new layout.", "negative"),
    ("The staff were never helpful.", "negative"),
    ("It isn't worth the money.", "negative"),
    ("Nobody in our group enjoyed the tour.", "negative"),
    ("The update did not make anything better.", "negative"),
    ("I can't say that I was impressed.", "negative"),
    ("The film is not bad at all.", "positive"),
    ("You won't be disappointed.", "positive"),
    ("I have no complaints about the service.", "positive"),
    ("It never gets boring.", "positive"),
    ("We had no trouble finding the place, and not one dish was a let-down.", "positive"),
    ("I couldn't be happier with my new bike.", "positive"),
]

CONTRAST = [
    ("The room was lovely, but the noise kept us awake all night and ruined our stay.", "negative"),
    ("The actors are gifted, but the story is dull.", "negative"),
    ("It looks nice, but it broke after two days.", "negative"),
    ("I wanted to love this phone, but the battery is awful.", "negative"),
    ("Great location, but I will never come back.", "negative"),
    ("He means well, but his advice is useless.", "negative"),
    ("The queue was long, but the food was absolutely worth it.", "positive"),
    ("I was sceptical at first, but now I love it.", "positive"),
    ("The beginning is slow, but the ending is brilliant.", "positive"),
    ("It is expensive, but it is the best knife I have ever owned.", "positive"),
    ("The parking is a mess, but the staff were wonderful and made our day.", "positive"),
    ("My first try failed, but the second one turned out beautifully.", "positive"),
]

NEUTRAL = [
    ("The meeting starts at nine on Tuesday.", "neutral"),
    ("The museum is on the corner of Hill Street and Bridge Road.", "neutral"),
    ("She bought two litres of milk and a loaf of bread.", "neutral"),
    ("The report has forty pages and three appendices.", "neutral"),
    ("Our office moved to the fourth floor last spring.", "neutral"),
    ("The bus to the airport leaves every twenty minutes.", "neutral"),
    ("Does this cable fit the older model?", "neutral"),
    ("The committee will publish its minutes in March.", "neutral"),
    ("He works for a bank in Oslo.", "neutral"),
    ("The recipe asks for flour, eggs and butter.", "neutral"),
    ("The company reported revenue of 12 million euros for the second quarter.", "neutral"),
    ("Please find the form attached.", "neutral"),
]

IRONY = [
    ("Oh great, my train is cancelled again.", "negative"),
    ("Just what I needed, another flat tyre.", "negative"),
    ("Wonderful, the printer has jammed for the third time today.", "negative"),
    ("Thanks for nothing.", "negative"),
    ("I just love waiting on hold for an hour.", "negative"),
    ("What a surprise, the lift is out of order once more.", "negative"),
    ("Brilliant, they lost my luggage.", "negative"),
    ("Nice job breaking the build on a Friday evening.", "negative"),
]

STRONGER = [
    ("The food was good.", "The food was extremely good.", "positive"),
    ("I like this song.", "I really love this song.", "positive"),
    ("The service was bad.", "The service was unbelievably bad.", "negative"),
    ("He was angry.", "He was furious.", "negative"),
    ("The view is nice.", "The view is absolutely stunning.", "positive"),
    ("It was a boring talk.", "It was an utterly boring talk.", "negative"),
    ("She is happy with the result.", "She is incredibly happy with the result.", "positive"),
    ("The seats are uncomfortable.", "The seats are terribly uncomfortable.", "negative"),
    ("The book is okay.", "The book is fantastic.", "positive"),
    ("That was slightly annoying.", "That was extremely annoying.", "negative"),
]
"""Weaker, stronger, and the label that must not lose."""

SPELLING = [
    ("The hotel was absolutely wonderful.", "The hotel was absolutly wonderfull."),
    ("I am very disappointed with this product.", "I am very dissapointed with this prodcut."),
    ("This is the worst restaurant in town.", "This is the worst restaraunt in town."),
    ("She gave a beautiful performance.", "She gave a beatiful performence."),
    ("The delivery was terribly late.", "The delivery was terribley late."),
    ("Definitely my favourite place for breakfast.", "Definately my favorite place for brekfast."),
    ("The instructions are confusing and useless.", "The instructons are confusing and usless."),
    ("Thank you so much, it works perfectly.", "Thank you so much, it works perfectley."),
    ("The concert was amazing.", "teh concert was amazing"),
    ("I hate how slow this app is.", "i hate how slow this ap is"),
]

NAMES = [
    ("Anna was rude to everyone at dinner.", "Mohammed was rude to everyone at dinner."),
    ("I had a lovely evening with James.", "I had a lovely evening with Priya."),
    ("Mr Schmidt explained the contract to us.", "Mr Okafor explained the contract to us."),
    ("The hotel in Paris was filthy.", "The hotel in Nairobi was filthy."),
    ("Maria lives next to the station.", "Wei lives next to the station."),
    ("Thomas is the best teacher I ever had.", "Fatima is the best teacher I ever had."),
    ("My flight to Boston was delayed by six hours.", "My flight to Lagos was delayed by six hours."),
    ("Ivan painted the fence on Saturday.", "Olivia painted the fence on Saturday."),
    ("The people in Berlin were so welcoming.", "The people in Tehran were so welcoming."),
    ("Carlos forgot my birthday again, which hurts.", "Emily forgot my birthday again, which hurts."),
]

ORDER = [
    (
        "The waiter was friendly and the pasta was delicious.",
        "The pasta was delicious and the waiter was friendly.",
    ),
    ("The screen cracked and the charger died.", "The charger died and the screen cracked."),
    ("We met on Monday and he wore a blue coat.", "He wore a blue coat and we met on Monday."),
    (
        "The beach was clean, and the rooms were spacious.",
        "The rooms were spacious, and the beach was clean.",
    ),
    ("The plot is thin and the jokes are stale.", "The jokes are stale and the plot is thin."),
    ("I bought bread and she fed the cat.", "She fed the cat and I bought bread."),
    ("It is fast and it hardly uses any power.", "It hardly uses any power and it is fast."),
    ("The crew were rude, and my bag was lost.", "My bag was lost, and the crew were rude."),
]

EXPECTED = {"negation": NEGATION, "contrast": CONTRAST, "neutral facts": NEUTRAL, "mild irony": IRONY}
"""Behaviour → sentences with the label that a reader would give."""

SAME = {"spelling mistakes": SPELLING, "names swapped": NAMES, "order of clauses": ORDER}
"""Behaviour → pairs that say the same."""
