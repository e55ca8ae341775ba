"""Error messages for users: one sentence for each reason, with the next step."""

from __future__ import annotations

from flask_zerotrust.i18n import N_

#: Sentences by the ``reason`` of a ChallengeError (and ``sender``, ``blocked`` for a SenderError),
#: translated where they are shown.
MESSAGES: dict[str, str] = {
    "gone": N_("This check has expired. Go back to the page you came from and try again."),
    "not_yours": N_(
        "This check belongs to another sign-in. Go back to the page you came from and try again."
    ),
    "no_factor": N_("There is no way to confirm that it is you yet. Ask the site's support to add one."),
    "format": N_("Type all digits of the code."),
    "shape": N_("Type the whole code, as it was shown to you."),
    "wrong": N_("That code is not right. Check it and type it again."),
    "newer": N_(
        "A newer code was sent since. Type the one of the newest message. It may still be on its way."
    ),
    "clock": N_("Your phone’s clock is wrong. Let it set the time by itself, and type the next code."),
    "expired": N_("That code is too old. Ask for a new one."),
    "used": N_("That code was already used. Wait for the next one, or ask for a new one."),
    "not_sent": N_("No code has been sent this way yet. Ask for one first."),
    "not_sending": N_("Nothing needs to be sent: type the code that your app shows."),
    "too_many": N_("Too many wrong codes. Please start again."),
    "factor_paused": N_(
        "Too many wrong codes. This way is closed for a while: choose another or try later."
    ),
    "locked": N_(
        "Too many wrong codes for this account. Choose another way, or ask the site's support to open it."
    ),
    "slow_down": N_("Many tries came from your network. Wait a few seconds and try again."),
    "too_soon": N_("A code was asked for a moment ago. Wait a little before you ask for another."),
    "budget": N_("Too many codes were sent. Choose another way, or try again later."),
    "not_allowed": N_(
        "No codes can be sent to this number. Choose another way, or ask the site's support."
    ),
    "blocked": N_("Our messages cannot get there. Choose another way, or ask the site's support."),
    "label": N_("Type a name of 1 to 60 characters."),
    "last_factor": N_("This is your only way to confirm it’s you. Add another before you remove it."),
    "number": N_("Type the whole number with its country code, such as +44 7700 900123."),
    "address": N_("Type a whole e-mail address, such as ada@bank.example."),
    "known": N_("This is among your ways to confirm it’s you already."),
    "key": N_("Your passkey or key could not be confirmed. Try again, or choose another way."),
    "stale": N_("That took too long, or was answered already. Try again."),
    "unchecked": N_("We can’t check codes at the moment. Try again in a minute, or choose another way."),
    "sender": N_("The code could not be sent. Try again in a minute, or choose another way."),
}

#: Sentences in place of those above that name another way, for users who have none.
ALONE: dict[str, str] = {
    "factor_paused": N_("Too many wrong codes. No more are taken for a while: try later."),
    "locked": N_("Too many wrong codes for this account. Ask the site's support to open it."),
    "budget": N_("Too many codes were sent. Try again later."),
    "not_allowed": N_("No codes can be sent to this number. Ask the site's support."),
    "blocked": N_("Our messages cannot get there. Ask the site's support."),
    "key": N_("Your passkey or key could not be confirmed. Try again."),
    "unchecked": N_("We can’t check codes at the moment. Try again in a minute."),
    "sender": N_("The code could not be sent. Try again in a minute."),
}


def sentence_for(reason: str, *, alone: bool) -> str:
    """Return the sentence for a reason, in English. ``alone`` says that the user has no other way."""
    return (ALONE.get(reason) if alone else None) or MESSAGES[reason]
