import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics.text.redact import redact

planted = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("planted.py"))))

NAMES = ["Wendy Taylor", "Priya Natarajan", "José García", "Анна Иванова", "王伟", "Mark Young", "Will Grace"]

# text with a planted identifier -> what is left of it
PLANTED = {
    "Mail me at john.smith@example.com please": "Mail me at [e-mail] please",
    "j o h n @ e x a m p l e . c o m is mine": "[e-mail] is mine",
    "john.smith at example dot com": "[e-mail]",
    "john (at) example (dot) com": "[e-mail]",
    "john[at]example.co.uk": "[e-mail]",
    "ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ": "[e-mail]",
    "jo\u200bhn@exam\u200bple.com": "[e-mail]",
    "write to JOHN_SMITH@EXAMPLE.COM.": "write to [e-mail].",
    "john dot smith at gmail dot com": "[e-mail]",
    "john at gmail.com": "[e-mail]",
    "ask info@example.travel. Support is slow": "ask [e-mail]. Support is slow",
    "call +44 20 7946 0958": "call [phone]",
    "call me 020 7946 0958": "call me [phone]",
    "07700 900123": "[phone]",
    "my number is (212) 736-5000": "my number is [phone]",
    "+1 (415) 555-2671": "[phone]",
    "0044 7700 900123": "[phone]",
    "٠٧٧٠٠٩٠٠١٢٣": "[phone]",
    "06-12345678": "[phone]",
    "0 7 7 0 0 9 0 0 1 2 3": "[phone]",
    "+91 98765 43210": "[phone]",
    "card 4111 1111 1111 1111": "card [card]",
    "4111-1111-1111-1111": "[card]",
    "４１１１ １１１１ １１１１ １１１１": "[card]",
    "3782 822463 10005": "[card]",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1": "[card]",
    "4111\u200b1111\u200b1111\u200b1111": "[card]",
    "GB82 WEST 1234 5698 7654 32": "[iban]",
    "gb82west12345698765432": "[iban]",
    "DE89 3704 0044 0532 0130 00 please": "[iban] please",
    "G B 8 2 W E S T 1 2 3 4 5 6 9 8 7 6 5 4 3 2": "[iban]",
    "ssn 536-90-4399": "ssn [id]",
    "my NI is AB 12 34 56 C": "my NI is [id]",
    "BSN 111222333": "BSN [id]",
    "dni 12345678Z": "dni [id]",
    "I live at 12 Baker Street, London": "I live at [address], London",
    "at 10 Downing Street SW1A 2AA": "at [address] [address]",
    "Kerkstraat 12": "[address]",
    "PO Box 1234": "[address]",
    "Order number: 12345678": "Order number: [number]",
    "my account 00123456": "my account [number]",
    "booking ref 7HG5K9L23": "booking ref [number]",
    "it is ZX/2024/77-1": "it is [number]",
    "Wendy Taylor was rude": "[name] was rude",
    "wendy  taylor": "[name]",
    "W e n d y  T a y l o r": "[name]",
    "Taylor, Wendy": "[name]",
    "WendyTaylor": "[name]",
    "Ｗｅｎｄｙ Taylor": "[name]",
    "We\u200bndy was nice": "[name] was nice",
    "Wéndy Táylor": "[name]",
    "jose garcia": "[name]",
    "Анна Иванова": "[name]",
    "王伟 服务": "[name] 服务",
    "I told Will that, Mark was kind, Ms. Will too": "I told [name] that, [name] was kind, Ms. [name] too",
}

PROSE = """I paid £1,250.00 on 12/05/2024 and again on 2024-06-01 at 09:30.
3 weeks down the road and nothing. 2 hours on hold.
Open 09.00 - 17.00, 7 days a week
I bought it at amazon.com for 24.99
We arrived at 10 and left at 12.30 on the dot
See you @ 5. Thanks
Thanks @bank. Terrible service
I ordered 2 of the 3 items, total $1,000,000
Version 2.10.3 crashes on Android 14
The 2023-08-01 12:30 slot
room 1204, floor 12, 5 stars, 10/10, 24/7
In 2019 I paid 1500 euros for 12 months
Will you call me? May I mark this as young?
It will mark the end. a young man. The grace period
10 20 30 40 50, and 100 000 people
call me in 2024 or 2025, between 9 and 5
order 2 more, order 500 for 20, account since 2015
the case was 12345 dollars
12 months, 24 months 36 months, 10-12 weeks or 14-16 weeks
iPhone 14 Pro Max 256 GB, 5 x 3 x 2 cm""".splitlines()


@pytest.mark.parametrize("text", PLANTED)
def test_planted_identifiers_are_gone(text: str) -> None:
    assert redact(text, names=NAMES, patterns=[r"\bZX/\d{4}/\d\d-\d\b"]) == PLANTED[text]


@pytest.mark.parametrize("text", PROSE)
def test_ordinary_prose_prices_dates_and_times_are_untouched(text: str) -> None:
    assert redact(text, names=NAMES) == text


def test_numbers_whose_check_digit_fails_are_not_cards_or_ibans() -> None:
    assert "[card]" not in redact("4111 1111 1111 1112")
    assert "[iban]" not in redact("GB82 WEST 1234 5698 7654 33")


def test_the_kind_of_input_is_kept() -> None:
    series = pd.Series(["a@b.com", None, "fine"], index=[5, 7, 9], name="comment")
    redacted = redact(series)
    assert redacted.index.tolist() == [5, 7, 9]
    assert redacted.name == "comment"
    assert redacted.dtype == series.dtype
    assert redacted.isna().tolist() == [False, True, False]
    assert redact(["a@b.com", None]) == ["[e-mail]", None]
    assert redact("") == ""
    assert series.iloc[0] == "a@b.com"


def test_redacting_twice_changes_nothing() -> None:
    once = [redact(text, names=NAMES) for text in PLANTED]
    assert redact(once, names=NAMES) == once


def test_faults_say_what_is_wrong() -> None:
    with pytest.raises(TypeError, match="takes a str, a list or a Series of texts, not int"):
        redact(3)  # type: ignore[type-var]
    with pytest.raises(ValueError, match=r"order number pattern '\(' is not a regular expression"):
        redact("x", patterns=["("])


def _invented_names(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    syllables = np.array(
        ["ba", "dor", "fel", "gi", "hun", "ka", "lem", "mor", "nis", "pra", "quo", "rith", "sul", "tov"]
    )
    words = ["".join(row).capitalize() for row in rng.choice(syllables, (2 * n, 3))]
    return [f"{first} {last}" for first, last in zip(words[::2], words[1::2], strict=True)]


def test_a_name_among_twenty_thousand_is_redacted() -> None:
    names = _invented_names(20_000)
    assert redact(["Good", f"{names[7]} was rude on 3 May"], names=names) == ["Good", "[name] was rude on 3 May"]


@pytest.mark.parametrize(
    "text",
    ["1" * 90_000, "a " * 45_000, "@" * 90_000, "1-" * 45_000, "a." * 45_000, "+1 " * 30_000, "GB82 WEST 1234 " * 6_000]
    + [" ".join(f"word{i}x" for i in range(30_000)), "😀" * 10_000, " ".join(map(str, range(30_000)))]
    + [
        "a" * 90_000,
        "A" * 90_000,
        "A. " * 30_000,
        "Aa Aa " * 15_000,
        "my name is " * 8_000,
        "pin: " * 18_000,
        "a:" * 45_000,
    ]
    + ["password is 1x" * 6_000, "regards,\nA" * 9_000, "www.a/" * 15_000, "AB-" * 30_000, "aA1-" * 22_000],
    ids=["digits", "letters", "at", "dashes", "dots", "plus", "iban", "distinct words", "emoji", "numbers"]
    + ["one word", "capitals", "initials", "names", "introduced", "secrets", "colons", "passwords", "signed", "links"]
    + ["plates", "tokens"],
)
def test_hostile_texts_are_redacted_like_any_other(text: str) -> None:
    assert redact(f"{text} jo@example.com", names=NAMES).endswith("[e-mail]")


def test_real_comments_hold_no_e_mail_after_redaction(datasets: Path) -> None:
    texts = pd.read_csv(datasets / "controls" / "support_tickets.csv").head(1000)
    emails, names = texts["Customer Email"], texts["Customer Name"]
    planted = "Hello, " + names + " here (" + emails + "). " + texts["Ticket Description"].astype(str)
    redacted = redact(planted, names=names)
    assert not redacted.str.contains(r"\w@\w").any()
    assert not any(re.search(rf"\b{re.escape(name)}\b", text) for name, text in zip(names, redacted, strict=True))


def test_nearly_all_planted_identifiers_of_twelve_kinds_are_found_those_on_no_list_too() -> None:
    table = planted.summarise(pd.concat([planted.measure(seed=seed) for seed in (0, 1)]))
    assert table.loc["all", "planted"] >= 1_000
    assert table.loc["all", "share"] >= 0.85
    assert table["share"].min() >= 0.6


STAY = """The agent was Polite and my Manager said Thank You
Hurricane Harvey took the mast down, and the London office was closed
my password is rubbish and the PIN is wrong
We were born to wait, it seems, and 2.10.3 is the version
Plan A1 with 4GB, then 1500 MB and 100 KM of cable
Called PNC and then BOA, spoke with Supervisor, Dear Sir or Madam
It costs £[40] at 12 Months, Order of the Day
Thanks to everybody at Acme. Regards, a customer
Dr appointments are late; mr nobody answered""".splitlines()


@pytest.mark.parametrize("text", STAY)
def test_words_that_only_look_like_names_and_numbers_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("06.12.34.56.78 is where to ring me", "34.56"), ("sort code is 40-47-84", "40-47"), ("sc 60-83-71", "60-83"),
        ("acc 10203040", "10203040"), ("geboren 01.04.1972", "1972"), ("née le 17/09/1988", "1988"),
        ("PW: hunter2x", "hunter"), ("the code you texted was 883201", "883201"), ("user id mwallace3", "mwallace"),
        ("account name 'greenfinch22'", "greenfinch"), ("Skype: live:karen.oz", "karen"),
        ("logged in as rob.hale", "rob"), ("from 10.0.0.138:8080", "10.0.0"), ("at 001b.4411.3ab7", "4411"),
        ("lat 48.85837 lon 2.294481", "2.29"), ("https://track.me/u/9f8e7d6c5b", "9f8e"),
        ("https://pay.example.net/i/INV-88231-XK", "88231"), ("fionamc[dot]rae[at]btinternet[dot]com", "fionamc"),
        ("17b Station Approach", "17b"), ("the engineer, Branimir, never came", "Branimir"),
        ("my memorable word is tangerine", "tangerine"), ("mother's maiden name Penhaligon was refused", "Penhaligon"),
        ("the password you set for me was Summer2024", "Summer"), ("I posted it as u/grumpy_penguin", "penguin"),
        ("my gamertag xXNightOwl88Xx is gone", "Owl"), ("linkedin.com/in/amelia-thornbury-4421", "amelia"),
        ("they banned marmite_lover for that", "marmite"), ("I asked Cledwyn if he could wait", "Cledwyn"),
        ("Yetunde from the complaints team rang", "Yetunde"), ("Tavish at the Aberdeen depot shrugged", "Tavish"),
        ("I complained to Torquil and he rolled his eyes", "Torquil"), ("Spoke to Jatinder in collections", "Jatinder"),
        ("im declan murtagh and I wait", "declan murtagh"), ("my name is zubin mehrotra", "zubin mehrotra"),
        ("hi its tarquin here again", "tarquin"), ("It's Marigold here, no refund", "Marigold"),
        ("Letter to Mr T S Eliasson", "Eliasson"), ("card of MS J QUARTERMAINE", "QUARTERMAINE"),
        ("Regards T. van der Meulen", "Meulen"), ("no coverage in bs7 since May", "bs7"), ("I am in D04 X4Y7", "X4Y7"),
        ("Flat 12 Nelson House is mine", "Nelson"), ("Hauptstr. 7 in Mainz", "Hauptstr"), ("born 23rd March '58", "58"),
        ("0049 171 1234567 or mail", "171"), ("card ending 8812 was charged", "8812"), ("you fined kt18 abc", "kt18"),
        ("parcel H00ABA0012345678 is lost", "ABA00"), ("///filled.count.soap is my door", "filled"),
        ("it is in my late wife's name, Perpetua Lowe", "Perpetua"), ("spoke to Sarah Mortgage Advisor", "Sarah"),
        ("a chap called Hywel told me", "Hywel"), ("WhatsApp +234 803 555 0199", "0199"),
        ("the password you mailed me, Walrus!2024", "Walrus"), ("the account is 31926819", "31926819"),
    ],
)  # fmt: skip
def test_other_writings_of_what_is_personal_are_found_too(text, secret):
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    ["logged in as administrator", "1.2.2024, 3.2.2024", "https://shop.example.com/iphone15-pro",
     "I asked, Monday came", "the claim was 2500", "login page, user friendly", "2.0.0 to 2.1.0",
     "the security word was wrong", "MY NAME WAS MISSPELLED", "I asked Vodafone for a refund", "gt86 was nice",
     "Barclay Card told me that he left", "my loan was transferred to Rushmore", "Amazon told me to wait",
     "Fay Servicing bought it, so I faxed Fay a copy", "the staff of Aston ward", "Felix Pacific Mortgage closed it",
     "flown in to Charles de Gaulle", "a so-called forum selection clause", "the Mini-Miranda warning", "South Dakota",
     "Dear Sir/Madam In May I wrote", "I disputed the account XX/XX/2019", "Skype - catering to all", "Christmas Eve"],
)  # fmt: skip
def test_what_looks_alike_stays(text):
    assert redact(text) == text
