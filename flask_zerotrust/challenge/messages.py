"""What went wrong, in words for the person: one sentence a reason, saying what to do."""

from __future__ import annotations

#: Sentences by the ``reason`` of a ChallengeError (and ``sender``, ``blocked`` for a SenderError).
MESSAGES: dict[str, str] = {
    "gone": "This check has expired. Go back to the page you came from and try again.",
    "not_yours": "This check belongs to another sign-in. Go back to the page you came from and try again.",
    "no_factor": "There is no way to confirm that it is you yet. Ask the site's support to add one.",
    "format": "Type the six digits of the code.",
    "shape": "Type the whole code, as it was shown to you.",
    "wrong": "That code is not right. Check it and type it again.",
    "expired": "That code is too old. Ask for a new one.",
    "used": "That code was already used. Wait for the next one, or ask for a new one.",
    "not_sent": "No code has been sent this way yet. Ask for one first.",
    "not_sending": "Nothing needs to be sent: type the code that your app shows.",
    "too_many": "Too many wrong codes. Go back to the page you came from and start again.",
    "factor_paused": "Too many wrong codes. This way is closed for a while: choose another or try later.",
    "locked": "Too many wrong codes for this account. Ask the site's support to open it again.",
    "slow_down": "Many tries came from your network. Wait a few seconds and try again.",
    "too_soon": "A code was asked for a moment ago. Wait a little before you ask for another.",
    "budget": "Too many codes were sent. Choose another way, or try again later.",
    "not_allowed": "No codes can be sent to this number. Choose another way, or ask the site's support.",
    "blocked": "Our messages cannot get there. Choose another way, or ask the site's support.",
    "label": "Type a name of 1 to 60 characters.",
    "last_factor": "This is your only way to confirm it’s you. Add another before you remove it.",
    "number": "Type the whole number with its country code, such as +44 7700 900123.",
    "address": "Type a whole e-mail address, such as ada@bank.example.",
    "known": "This is among your ways to confirm it’s you already.",
    "key": "Your passkey or key could not be confirmed. Try again, or choose another way.",
    "stale": "That took too long, or was answered already. Try again.",
    "unchecked": "We can’t check codes at the moment. Try again in a minute, or choose another way.",
    "sender": "The code could not be sent. Try again in a minute, or choose another way.",
}
