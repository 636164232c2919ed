// A person who opens a one-time link need not press anything: the form sends itself. Link previews run no script.
document.querySelector("[data-sign-in-link]")?.requestSubmit();
