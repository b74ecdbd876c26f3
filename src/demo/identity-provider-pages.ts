// The pages a person sees at the demo's OpenID provider: sign-in, and the device flow's three. Pure.

/** Escapes text for HTML content and double-quoted attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 12vh auto; max-width: 22rem; padding: 0 1rem; color: #1c2733; background: #f5f6f8 }
  main { background: #fff; border: 1px solid #d8dde3; border-radius: 6px; padding: 1.5rem }
  h1 { font-size: 1.25rem; margin: 0 0 1rem }
  label { display: block; margin: 0 0 1rem }
  input { box-sizing: border-box; display: block; font: inherit; padding: .5rem; width: 100% }
  button { background: #1f5fbf; border: 0; border-radius: 4px; color: #fff; cursor: pointer; font: inherit; padding: .5rem 1rem }
  .problem { color: #a4161a }
</style>
</head>
<body><main>
<h1>${escapeHtml(title)}</h1>
${body}
</main></body>
</html>`;
}

export function signInPage(shown: { action: string; email: string; problem?: string }): string {
  const problem = shown.problem === undefined ? '' : `<p class="problem" role="alert">${escapeHtml(shown.problem)}</p>`;
  return page(
    'Sign in',
    `${problem}<form method="post" action="${escapeHtml(shown.action)}">
<label>E-mail <input name="email" type="email" autocomplete="username" required autofocus value="${escapeHtml(shown.email)}"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button>
</form>`,
  );
}

/** `form` is oidc-provider's own, already safe. */
export function deviceCodePage(form: string, problem?: string): string {
  const words =
    problem === undefined
      ? '<p>Enter the code your terminal shows.</p>'
      : `<p class="problem" role="alert">${escapeHtml(problem)}</p>`;
  return page(
    'Sign in to a terminal',
    `${words}${form}<p><button type="submit" form="op.deviceInputForm">Continue</button></p>`,
  );
}

/** `form` is oidc-provider's own, already safe. */
export function deviceConfirmPage(form: string, client: string, code: string): string {
  return page(
    'Is this your terminal?',
    `<p><strong>${escapeHtml(client)}</strong> shows the code <strong>${escapeHtml(code)}</strong>. Continue only if that is what you see.</p>
${form}<p><button type="submit" form="op.deviceConfirmForm">Continue</button></p>`,
  );
}

export function messagePage(title: string, words: string): string {
  return page(title, `<p>${escapeHtml(words)}</p>`);
}
