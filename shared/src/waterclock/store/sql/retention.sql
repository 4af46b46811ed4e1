-- For how long runs are kept where no setting says, as the store has it; no row: for ever.
SELECT age FROM retention WHERE what = 'runs';
