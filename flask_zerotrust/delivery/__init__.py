"""Hand messages over: text messages by Twilio, mail by SMTP, or both to the console."""
