import humanize


def label(number):
    return humanize.intcomma(number)
