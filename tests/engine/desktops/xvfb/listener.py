"""A window over the whole screen that writes down all it hears; its file is read back through the desktop's server."""

from __future__ import annotations

FILE = "/home/user/heard.txt"
SCRIPT = f'''
import tkinter
root = tkinter.Tk()
root.attributes("-fullscreen", True)
heard = open("{FILE}", "a", buffering=1)
def say(*words):
    heard.write(" ".join(map(str, words)) + chr(10))
def key(event):
    held = "ctrl+" if event.state & 4 else ""
    say("key", held + (event.char if event.char.isprintable() and event.char and not held else event.keysym))
root.bind("<ButtonPress>", lambda event: say("press", event.num, event.x_root, event.y_root))
root.bind("<ButtonRelease>", lambda event: say("release", event.num, event.x_root, event.y_root))
root.bind("<Double-Button-1>", lambda event: say("double"))
root.bind("<B1-Motion>", lambda event: say("dragged"))
root.bind("<Key>", key)
root.after(50, lambda: (root.focus_force(), root.after(50, lambda: say("listening"))))
root.mainloop()
'''
START = f"cat > /tmp/listener.py <<'END'\n{SCRIPT}\nEND\npython3 /tmp/listener.py >/dev/null 2>&1 & true"
UNTIL_IT_LISTENS = f"for i in $(seq 100); do grep -q listening {FILE} 2>/dev/null && break; sleep 0.1; done"
