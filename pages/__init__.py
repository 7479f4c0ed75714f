"""What all our pages and pictures share: palette, charts, data URLs, HTML.

A page is one file that needs nothing else: no network, no script. A chart is
drawn without `pyplot`: no window system, no state shared with a caller's own
figures. Same numbers, same bytes.

Jinja2 and Matplotlib are imported by what uses them, when it does.
"""
