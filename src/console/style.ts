// The console's style sheet: one column, system fonts and colours, dark where the reader has it dark, wide or narrow.
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --paper: #f6f7f9; --card: #fff; --line: #d5dae1; --quiet: #556070;
  --accent: #1d5fbf; --good: #176b3a; --bad: #a4161a; --on: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --paper: #12161c; --card: #1b212a; --line: #36404d; --quiet: #a3afbf;
    --accent: #7fb2ff; --good: #6fd69a; --bad: #ff9a9d; --on: #10141a }
}
* { box-sizing: border-box }
body { background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 52rem; padding: 1rem }
header { align-items: baseline; display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; margin-bottom: 1rem }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
header form { align-items: baseline; display: flex; flex-wrap: wrap; gap: .75rem }
a { color: var(--accent) }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
main { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1.25rem }
dl { display: grid; gap: .25rem 1rem; grid-template-columns: minmax(7rem, max-content) 1fr; margin: 1rem 0 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: .25rem; margin: 0; overflow-wrap: anywhere; padding: .5rem .75rem; white-space: pre-wrap }
code { font-family: ui-monospace, monospace }
ul { margin: .5rem 0; padding: 0; list-style: none }
li { border-top: 1px solid var(--line); padding: .6rem 0 }
.quiet { color: var(--quiet) }
.state { border: 1px solid currentcolor; border-radius: 1rem; display: inline-block; font-size: .85rem; padding: 0 .6rem }
.good { color: var(--good) }
.bad { color: var(--bad) }
.notice { border-left: .25rem solid currentcolor; margin: 0 0 1rem; padding: .25rem .75rem }
label { display: block; font-weight: 600; margin-bottom: .25rem }
textarea { background: var(--card); border: 1px solid var(--quiet); border-radius: .25rem; color: inherit; display: block; font: inherit; min-height: 5rem; padding: .5rem; width: 100% }
.choices { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem }
fieldset { border: 1px solid var(--line); border-radius: .375rem; margin: 1.5rem 0 0; padding: .75rem 1rem }
input[type=text], select { background: var(--card); border: 1px solid var(--quiet); border-radius: .25rem; color: inherit; display: block; font: inherit; margin-bottom: .75rem; max-width: 30rem; padding: .35rem .5rem; width: 100% }
summary { color: var(--accent); cursor: pointer }
details form { margin: .5rem 0 1rem }
input[type=number] { background: var(--card); border: 1px solid var(--quiet); border-radius: .25rem; color: inherit; font: inherit; margin-bottom: .75rem; padding: .35rem .5rem; width: 8rem }
blockquote { margin: 0 }
button { background: transparent; border: 2px solid var(--accent); border-radius: .375rem; color: var(--accent); cursor: pointer; font: inherit; padding: .4rem 1rem }
button.approve { background: var(--good); border-color: var(--good); color: var(--on); font-weight: 600 }
button.deny { border-color: var(--bad); color: var(--bad); font-weight: 600 }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
@media (max-width: 36rem) {
  dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin-bottom: .5rem }
  .choices button { flex: 1 1 100% }
}
`;
