"""Makes the files in `assets/`, which travel with the tasks of this set: documents, pictures, a film, a mail profile.

They are committed, so nobody needs to run this but who changes them. It wants python-pptx, Pillow and ffmpeg, of which
the first two are in the environment of `./arpo setup osworld`:

    /opt/arpo-osworld/bin/python configs/tasks/desk_basics/make_assets.py
"""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw
from pptx import Presentation
from pptx.util import Inches, Pt

ASSETS = Path(__file__).parent / "assets"
SLIDES = (
    ("Summer fair", "What we plan for June"),
    ("Budget 2024", "Tents 300, music 150, food 220"),
    ("Thanks", "See you on the meadow"),
)
DRAFT = (*SLIDES[:2], ("Old ideas", "Nobody liked these"), SLIDES[2])
MAILS = {
    "Inbox": (
        ("Ada Park", "ada@town.example", "Picnic on Sunday", "We meet at noon by the lake. Bring a blanket."),
        ("Prize Office", "win@lucky.example", "You won a prize", "Send us your bank details to get it."),
        ("Power Company", "bill@power.example", "Invoice 118 for May", "Please pay 42.50 by the end of June."),
        ("Bob Stone", "bob@town.example", "Keys of the shed", "They hang behind the door again."),
    ),
    "Trash": (),
    "Drafts": (),
}
"""Folder of the mail profile to (name, address, subject, text)."""
SILENT = """\
user_pref("app.donation.eoy.version.viewed", 99);
user_pref("app.shield.optoutstudies.enabled", false);
user_pref("app.update.auto", false);
user_pref("browser.search.update", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mailnews.start_page.enabled", false);
user_pref("mailnews.start_page_override.mstone", "ignore");
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""
"""Nothing that asks at the start, and nothing that wants a network."""
ACCOUNTS = """\
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.account.lastKey", 2);
user_pref("mail.accountmanager.accounts", "account1,account2");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.accountmanager.localfoldersserver", "server2");
user_pref("mail.identity.id1.draft_folder", "mailbox://nobody@Local%20Folders/Drafts");
user_pref("mail.identity.id1.drafts_folder_picker_mode", "1");
user_pref("mail.identity.id1.fullName", "Chris Reed");
user_pref("mail.identity.id1.useremail", "chris@town.example");
user_pref("mail.identity.id1.valid", true);
user_pref("mail.server.server1.check_new_mail", false);
user_pref("mail.server.server1.deferred_to_account", "account2");
user_pref("mail.server.server1.directory-rel", "[ProfD]Mail/localhost");
user_pref("mail.server.server1.hostname", "localhost");
user_pref("mail.server.server1.login_at_startup", false);
user_pref("mail.server.server1.name", "chris@town.example");
user_pref("mail.server.server1.type", "pop3");
user_pref("mail.server.server1.userName", "chris");
user_pref("mail.server.server2.directory-rel", "[ProfD]Mail/Local Folders");
user_pref("mail.server.server2.hostname", "Local Folders");
user_pref("mail.server.server2.name", "Local Folders");
user_pref("mail.server.server2.type", "none");
user_pref("mail.server.server2.userName", "nobody");
user_pref("mail.smtpserver.smtp1.hostname", "localhost");
user_pref("mail.smtpserver.smtp1.username", "chris");
user_pref("mail.smtpservers", "smtp1");
"""
PROFILES = "[General]\nStartWithLastProfile=1\nVersion=2\n\n[Profile0]\nName=desk\nIsRelative=1\nPath=desk\nDefault=1\n"
LAMPS = (("sun", "Sun", 39), ("moon", "Moon", 24), ("star", "Star", 31), ("comet", "Comet", 45))
"""Of the shop: word in its address, name, price."""
FILM = "-f lavfi -i testsrc2=size=320x180:rate=8:duration=60 -c:v libvpx -b:v 40k -fflags +bitexact -flags:v +bitexact"


def deck(name: str, slides: tuple[tuple[str, str], ...]) -> None:
    """A presentation: a title and a sentence on each slide."""
    show = Presentation()
    for title, text in slides:
        slide = show.slides.add_slide(show.slide_layouts[6])
        for top, words, size in ((0.6, title, 40), (2.5, text, 24)):
            box = slide.shapes.add_textbox(Inches(0.8), Inches(top), Inches(8.4), Inches(1.2))
            box.text_frame.text = words
            box.text_frame.paragraphs[0].runs[0].font.size = Pt(size)
    show.save(str(ASSETS / name))


def picture(name: str) -> Image.Image:
    """A house on a hill with a sun on one side only, so that a mirrored one is another picture."""
    image = Image.new("RGB", (480, 320), (150, 200, 235))
    draw = ImageDraw.Draw(image)
    draw.ellipse((380, 30, 440, 90), fill=(250, 220, 70))
    draw.polygon([(0, 320), (0, 240), (180, 180), (480, 290), (480, 320)], fill=(90, 160, 80))
    draw.rectangle((90, 150, 190, 230), fill=(200, 90, 70))
    draw.polygon([(80, 150), (140, 100), (200, 150)], fill=(110, 60, 50))
    draw.rectangle((125, 185, 150, 230), fill=(70, 45, 35))
    for x in range(230, 460, 38):
        draw.rectangle((x, 232, x + 6, 268), fill=(95, 70, 45))
        draw.ellipse((x - 12, 205, x + 18, 240), fill=(45, 120, 60))
    image.save(ASSETS / name, optimize=True)
    return image


def mail_profile(name: str) -> None:
    """A home of Thunderbird with one account, which nobody fetches mail for, and a few letters in its folders."""
    files = {
        ".thunderbird/profiles.ini": PROFILES,
        ".thunderbird/desk/prefs.js": SILENT + ACCOUNTS,
    }
    for folder, mails in MAILS.items():
        letters = (_letter(number, *mail) for number, mail in enumerate(mails, start=1))
        files[f".thunderbird/desk/Mail/Local Folders/{folder}"] = "".join(letters)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    (ASSETS / name).write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _letter(number: int, sender: str, address: str, subject: str, text: str) -> str:
    day = f"{number:02d} Jun 2024 09:{number:02d}:00 +0000"
    return (
        f"From - Mon Jun  {number} 09:0{number}:00 2024\nX-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\n"
        f"From: {sender} <{address}>\nTo: Chris Reed <chris@town.example>\nSubject: {subject}\nDate: {day}\n"
        f"Message-ID: <{number}@town.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n\n"
    )


def shop() -> None:
    """A shop with a form for each lamp, and the basket that it leads to."""
    rows = "".join(
        f"<tr><td>{title}<td>{price} coins<td><form action=basket.html><input type=hidden name=lamp value={word}>"
        "<input name=amount value=1 size=2> <button>Into the basket</button></form>\n"
        for word, title, price in LAMPS
    )
    style = "<style>body, input, button {font: 28px sans-serif} td {padding: 12px 40px 12px 0}</style>"
    page = (
        f"<!doctype html><meta charset=utf-8><title>Lamps</title>{style}<h1>Lamps</h1>\n<img src=house.png width=240>\n"
    )
    (ASSETS / "shop.html").write_text(f"{page}<table>\n{rows}</table>\n", encoding="utf-8")
    basket = f"<!doctype html><meta charset=utf-8><title>Basket</title>{style}<h1>It is in your basket</h1>\n"
    (ASSETS / "basket.html").write_text(basket, encoding="utf-8")


def film(name: str) -> None:
    """A minute of moving shapes without a sound."""
    command = ["ffmpeg", "-loglevel", "error", "-y", *FILM.split(), str(ASSETS / name)]
    subprocess.run(command, check=True)


def main() -> None:
    """All of them."""
    ASSETS.mkdir(exist_ok=True)
    deck("fair.pptx", SLIDES)
    deck("fair_draft.pptx", DRAFT)
    deck("fair_2025.pptx", (SLIDES[0], ("Budget 2025", SLIDES[1][1]), SLIDES[2]))
    house = picture("house.png")
    house.rotate(-90, expand=True).save(ASSETS / "house_turned.png", optimize=True)
    shop()
    film("shapes.webm")
    mail_profile("mail_profile.tar.gz")


if __name__ == "__main__":
    main()
